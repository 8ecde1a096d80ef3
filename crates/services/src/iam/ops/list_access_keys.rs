//! ListAccessKeys: a user's keys, without their secrets.

use wire::iam as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::error::ServiceError;
use crate::iam::holder::find;
use crate::iam::own;
use crate::iam::page::cut;
use crate::iam::store::UserRow;
use crate::iam::store::keys_of;
use crate::iam::wire::whole;
use crate::room::Handler;

impl Handler for shapes::ListAccessKeys {
    fn access(ctx: &OpCtx, input: &Self::Input) -> Access {
        Access::new("iam:ListAccessKeys", own::arn(ctx, input.user_name.as_deref()))
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let snapshot = ctx.cloud.store.snapshot();
        let account = &ctx.scope.account;
        let Some(name) = own::user_name(ctx, &snapshot, input.user_name)? else {
            return Ok(Self::Output {
                is_truncated: Some(false),
                access_key_metadata: own::root_keys(ctx),
                marker: None,
            });
        };
        let user = find::<UserRow>(&snapshot, account, &name)?;
        let keys = keys_of(&snapshot, &user.identity.id).into_iter().map(|key| {
            let shown = shapes::AccessKeyMetadata {
                user_name: Some(name.clone()),
                access_key_id: Some(key.id.clone()),
                status: Some(key.status.to_string()),
                create_date: Some(whole(key.created_at)),
            };
            (key.id.clone(), shown)
        });
        let page = cut(keys.collect::<Vec<_>>(), input.marker.as_deref(), input.max_items)?;
        Ok(Self::Output {
            is_truncated: Some(page.is_truncated()),
            access_key_metadata: page.items,
            marker: page.marker,
        })
    }
}
