//! DescribeTargetGroups: all, or those of a load balancer, or those named.

use store::{Versioned, key};
use wire::elbv2 as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::elbv2::error::{Code, Error};
use crate::elbv2::store::{TargetGroupRow, user_of};
use crate::elbv2::wire::target_group::write;
use crate::elbv2::{find, page};
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::DescribeTargetGroups {
    fn access(_: &OpCtx, _: &Self::Input) -> Access {
        Access::any("elasticloadbalancing:DescribeTargetGroups")
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let snapshot = ctx.cloud.store.snapshot();
        let scope = &ctx.scope;
        let (arns, names) = (input.target_group_arns.unwrap_or_default(), input.names.unwrap_or_default());
        let asked = [!arns.is_empty(), !names.is_empty(), input.load_balancer_arn.is_some()];
        if asked.iter().filter(|asked| **asked).count() > 1 {
            return Err(Error::validation(
                "You can specify only one of the following: target group ARNs, names, or a load balancer ARN",
            )
            .into());
        }
        let mut rows: Vec<Versioned<TargetGroupRow>> = Vec::new();
        if !arns.is_empty() {
            for arn in &arns {
                rows.push(find::target_group(&snapshot, scope, arn)?);
            }
        } else if !names.is_empty() {
            for name in &names {
                let found = snapshot.get::<TargetGroupRow>(&key![scope, name]);
                rows.push(found.ok_or_else(|| {
                    Error::client(Code::TargetGroupNotFound, "One or more target groups not found")
                })?);
            }
        } else {
            rows.extend(snapshot.all(&key![scope]));
        }
        if let Some(arn) = &input.load_balancer_arn {
            let id = find::load_balancer(&snapshot, scope, arn)?.id.clone();
            rows.retain(|group| user_of(&snapshot, scope, &group.id).as_ref() == Some(&id));
        }
        let (rows, next_marker) = page::cut(rows, input.marker.as_deref(), input.page_size)?;
        let show = |row: &Versioned<TargetGroupRow>| write(row, user_of(&snapshot, scope, &row.id).as_ref());
        Ok(Self::Output { target_groups: Some(rows.iter().map(show).collect()), next_marker })
    }
}
