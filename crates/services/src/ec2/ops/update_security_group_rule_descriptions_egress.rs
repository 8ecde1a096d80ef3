//! UpdateSecurityGroupRuleDescriptionsEgress: describes egress rules anew; what they allow stays.

use model::ec2::Direction;
use wire::ec2 as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::ec2::authorize::{Request, redescribe};
use crate::ec2::dry_run;
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::UpdateSecurityGroupRuleDescriptionsEgress {
    fn access(ctx: &OpCtx, input: &Self::Input) -> Access {
        super::on_group("ec2:UpdateSecurityGroupRuleDescriptionsEgress", ctx, input.group_id.as_deref())
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        dry_run(input.dry_run)?;
        super::ensure_default_vpc(ctx).await?;
        let request = Request {
            group_id: input.group_id,
            group_name: input.group_name,
            permissions: input.ip_permissions,
            ..Request::default()
        };
        let descriptions = input.security_group_rule_descriptions.unwrap_or_default();
        redescribe(ctx, request, Direction::Egress, &descriptions).await?;
        Ok(Self::Output { r#return: Some(true) })
    }
}
