//! AuthorizeSecurityGroupEgress: adds egress rules to a group. They hold at once, for running tasks too.

use model::ec2::Direction;
use wire::ec2 as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::ec2::authorize::{Request, Single, authorize};
use crate::ec2::dry_run;
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::AuthorizeSecurityGroupEgress {
    fn access(ctx: &OpCtx, input: &Self::Input) -> Access {
        super::on_group("ec2:AuthorizeSecurityGroupEgress", ctx, Some(&input.group_id))
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        dry_run(input.dry_run)?;
        super::ensure_default_vpc(ctx).await?;
        let tags = input.tag_specifications;
        let request = Request {
            group_id: Some(input.group_id),
            group_name: None,
            permissions: input.ip_permissions,
            single: Single {
                ip_protocol: input.ip_protocol,
                from_port: input.from_port,
                to_port: input.to_port,
                cidr_ip: input.cidr_ip,
                source_group: input.source_security_group_name,
            },
            rule_ids: None,
        };
        let added = authorize(ctx, request, Direction::Egress, tags.as_deref()).await?;
        Ok(Self::Output { r#return: Some(true), security_group_rules: Some(added) })
    }
}
