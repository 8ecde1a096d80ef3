//! RevokeSecurityGroupEgress: takes egress rules from a group. What was allowed while it was a rule goes on; nothing new is.

use model::ec2::Direction;
use wire::ec2 as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::ec2::authorize::{Request, Single, revoke};
use crate::ec2::dry_run;
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::RevokeSecurityGroupEgress {
    fn access(ctx: &OpCtx, input: &Self::Input) -> Access {
        super::on_group("ec2:RevokeSecurityGroupEgress", ctx, Some(&input.group_id))
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        dry_run(input.dry_run)?;
        super::ensure_default_vpc(ctx).await?;
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
            rule_ids: input.security_group_rule_ids,
        };
        let gone = revoke(ctx, request, Direction::Egress).await?;
        Ok(Self::Output {
            r#return: Some(true),
            unknown_ip_permissions: None,
            revoked_security_group_rules: Some(gone),
        })
    }
}
