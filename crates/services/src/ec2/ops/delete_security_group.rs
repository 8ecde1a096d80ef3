//! DeleteSecurityGroup: only when no interface is its member and no other group's rule names it.

use store::Txn;
use wire::ec2 as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::ec2::error::Error;
use crate::ec2::{dry_run, groups};
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::DeleteSecurityGroup {
    fn access(ctx: &OpCtx, input: &Self::Input) -> Access {
        super::on_group("ec2:DeleteSecurityGroup", ctx, input.group_id.as_deref())
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        dry_run(input.dry_run)?;
        super::ensure_default_vpc(ctx).await?;
        // A lease expects its groups, but does not change them: no task may be placed between look and commit.
        let _turn = ctx.cloud.placing.lock().await;
        let snapshot = ctx.cloud.store.snapshot();
        let (id, name) = (input.group_id.as_deref(), input.group_name.as_deref());
        let group = groups::named(&snapshot, &ctx.scope, id, name)?;
        if group.name == groups::DEFAULT {
            return Err(Error::DefaultGroup(group.id.clone()).into());
        }
        if groups::is_used(&snapshot, &group) {
            return Err(Error::Dependency(format!("resource {} has a dependent object", group.id)).into());
        }
        ctx.cloud.store.commit(Txn::new().remove(&group)).await.map_err(Error::Store)?;
        Ok(Self::Output { r#return: Some(true), group_id: Some(group.id.clone()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    async fn group(ctx: &OpCtx, name: &str) -> String {
        let input = shapes::CreateSecurityGroupRequest {
            group_name: name.into(),
            description: "d".into(),
            ..Default::default()
        };
        shapes::CreateSecurityGroup::run(ctx, input).await.unwrap().group_id.unwrap()
    }

    async fn delete(ctx: &OpCtx, id: &str) -> Result<(), String> {
        let input = shapes::DeleteSecurityGroupRequest { group_id: Some(id.into()), ..Default::default() };
        shapes::DeleteSecurityGroup::run(ctx, input).await.map(drop).map_err(|error| error.code)
    }

    #[tokio::test]
    async fn a_group_that_others_name_stays() {
        let ctx = testing::ctx().await;
        let (web, database) = (group(&ctx, "web").await, group(&ctx, "database").await);
        let permission = || {
            let pair = shapes::UserIdGroupPair { group_id: Some(web.clone()), ..Default::default() };
            vec![shapes::IpPermission {
                ip_protocol: Some("tcp".into()),
                from_port: Some(5432),
                to_port: Some(5432),
                user_id_group_pairs: Some(vec![pair]),
                ..Default::default()
            }]
        };
        let open = || shapes::AuthorizeSecurityGroupIngressRequest {
            group_id: Some(database.clone()),
            ip_permissions: Some(permission()),
            ..Default::default()
        };
        let added = shapes::AuthorizeSecurityGroupIngress::run(&ctx, open()).await.unwrap();
        assert_eq!(added.security_group_rules.unwrap()[0].from_port, Some(5432));
        let again = shapes::AuthorizeSecurityGroupIngress::run(&ctx, open()).await.unwrap_err();
        assert_eq!(again.code, "InvalidPermission.Duplicate");
        assert_eq!(delete(&ctx, &web).await, Err("DependencyViolation".into()));
        let close = || shapes::RevokeSecurityGroupIngressRequest {
            group_id: Some(database.clone()),
            ip_permissions: Some(permission()),
            ..Default::default()
        };
        shapes::RevokeSecurityGroupIngress::run(&ctx, close()).await.unwrap();
        let again = shapes::RevokeSecurityGroupIngress::run(&ctx, close()).await.unwrap_err();
        assert_eq!(again.code, "InvalidPermission.NotFound");
        assert_eq!(delete(&ctx, &web).await, Ok(()));
        assert_eq!(delete(&ctx, &web).await, Err("InvalidGroup.NotFound".into()));
    }
}
