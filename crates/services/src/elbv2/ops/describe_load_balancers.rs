//! DescribeLoadBalancers: all, or those named.

use store::{Versioned, key};
use wire::elbv2 as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::elbv2::error::{Code, Error};
use crate::elbv2::store::LoadBalancerRow;
use crate::elbv2::wire::load_balancer::write;
use crate::elbv2::{find, page};
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::DescribeLoadBalancers {
    fn access(_: &OpCtx, _: &Self::Input) -> Access {
        Access::any("elasticloadbalancing:DescribeLoadBalancers")
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let snapshot = ctx.cloud.store.snapshot();
        let scope = &ctx.scope;
        let (arns, names) = (input.load_balancer_arns.unwrap_or_default(), input.names.unwrap_or_default());
        let mut rows: Vec<Versioned<LoadBalancerRow>> = Vec::new();
        match (&arns[..], &names[..]) {
            ([], []) => rows.extend(snapshot.all(&key![scope])),
            (arns, []) => {
                for arn in arns {
                    rows.push(find::load_balancer(&snapshot, scope, arn)?);
                }
            }
            ([], names) => {
                for name in names {
                    let found = snapshot.get::<LoadBalancerRow>(&key![scope, name]);
                    rows.push(found.ok_or_else(|| {
                        let message = format!("Load balancers '[{name}]' not found");
                        Error::client(Code::LoadBalancerNotFound, message)
                    })?);
                }
            }
            (_, _) => {
                let message = "You can specify only one of the following: load balancer ARNs or names";
                return Err(Error::validation(message).into());
            }
        }
        let (rows, next_marker) = page::cut(rows, input.marker.as_deref(), input.page_size)?;
        Ok(Self::Output { load_balancers: Some(rows.iter().map(|row| write(row)).collect()), next_marker })
    }
}
