//! ModifyTargetGroup: changes how the health of a group's targets is looked at.

use model::elbv2::TargetGroup;
use store::Txn;
use wire::elbv2 as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::elbv2::error::Error;
use crate::elbv2::find;
use crate::elbv2::store::{TargetGroupRow, user_of};
use crate::elbv2::wire::health_check::{self, Asked};
use crate::elbv2::wire::target_group::write;
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::ModifyTargetGroup {
    fn access(_: &OpCtx, input: &Self::Input) -> Access {
        Access::new("elasticloadbalancing:ModifyTargetGroup", &input.target_group_arn)
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let snapshot = ctx.cloud.store.snapshot();
        let found = find::target_group(&snapshot, &ctx.scope, &input.target_group_arn)?;
        let asked = Asked {
            enabled: input.health_check_enabled,
            protocol: input.health_check_protocol,
            port: input.health_check_port,
            path: input.health_check_path,
            interval: input.health_check_interval_seconds,
            timeout: input.health_check_timeout_seconds,
            healthy: input.healthy_threshold_count,
            unhealthy: input.unhealthy_threshold_count,
            matcher: input.matcher,
        };
        let before = Some(&found.health_check);
        let health_check = health_check::read(&asked, before, found.protocol, found.protocol_version)?;
        let row = TargetGroupRow(TargetGroup { health_check, ..found.row.0.clone() });
        ctx.cloud.store.commit(Txn::new().update(&found, &row)).await.map_err(Error::from)?;
        let user = user_of(&snapshot, &ctx.scope, &row.id);
        Ok(Self::Output { target_groups: Some(vec![write(&row, user.as_ref())]) })
    }
}
