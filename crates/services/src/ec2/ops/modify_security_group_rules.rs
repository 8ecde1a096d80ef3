//! ModifySecurityGroupRules: puts other permissions in the place of rules, which keep their ids and tags.

use wire::ec2 as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::ec2::authorize::modify;
use crate::ec2::dry_run;
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::ModifySecurityGroupRules {
    fn access(ctx: &OpCtx, input: &Self::Input) -> Access {
        super::on_group("ec2:ModifySecurityGroupRules", ctx, Some(&input.group_id))
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        dry_run(input.dry_run)?;
        super::ensure_default_vpc(ctx).await?;
        modify(ctx, &input.group_id, &input.security_group_rules).await?;
        Ok(Self::Output { r#return: Some(true) })
    }
}
