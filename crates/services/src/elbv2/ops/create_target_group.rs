//! CreateTargetGroup. Asking again for the same thing answers the same group.

use model::elbv2::{LoadBalancerId, TargetGroup};
use store::{Txn, key};
use wire::elbv2 as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::ec2::store::{VpcRow, find as find_vpc};
use crate::elbv2::error::{Code, Error};
use crate::elbv2::rules::limit::MOST_TARGET_GROUPS;
use crate::elbv2::store::{TargetGroupRow, user_of};
use crate::elbv2::wire::target_group::{read, same_settings, write};
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::CreateTargetGroup {
    fn access(ctx: &OpCtx, input: &Self::Input) -> Access {
        let group = ctx.arn("elasticloadbalancing", format!("targetgroup/{}/*", input.name));
        Access::new("elasticloadbalancing:CreateTargetGroup", group)
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let snapshot = ctx.cloud.store.snapshot();
        let group = read(input, &ctx.scope, ctx.now, &mut ctx.ids.clone())?;
        if find_vpc::<VpcRow>(&snapshot, &ctx.scope, &group.vpc_id).is_none() {
            return Err(Error::validation(format!("The VPC ID '{}' is not found", group.vpc_id)).into());
        }
        let known = snapshot.get::<TargetGroupRow>(&key![ctx.scope, group.id.name.as_str()]);
        if let Some(known) = known {
            if !same_settings(&known, &group) {
                let message = format!(
                    "A target group with the same name '{}' exists, but with different settings",
                    group.id.name
                );
                return Err(Error::client(Code::DuplicateTargetGroupName, message).into());
            }
            let user = user_of(&snapshot, &ctx.scope, &known.id);
            return Ok(answer(&known, user.as_ref()));
        }
        if snapshot.count::<TargetGroupRow>(&key![ctx.scope]) >= MOST_TARGET_GROUPS {
            let message = format!("The maximum number of target groups is '{MOST_TARGET_GROUPS}'");
            return Err(Error::client(Code::TooManyTargetGroups, message).into());
        }
        let row = TargetGroupRow(group);
        ctx.cloud.store.commit(Txn::new().insert(&row)).await.map_err(Error::from)?;
        Ok(answer(&row, None))
    }
}

fn answer(group: &TargetGroup, user: Option<&LoadBalancerId>) -> shapes::CreateTargetGroupOutput {
    shapes::CreateTargetGroupOutput { target_groups: Some(vec![write(group, user)]) }
}
