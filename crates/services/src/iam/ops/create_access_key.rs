//! CreateAccessKey: the only answer that shows the secret, which is stored sealed.

use model::iam::{KeyStatus, UserKey};
use store::Txn;
use wire::iam as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::error::ServiceError;
use crate::iam::error::Error;
use crate::iam::holder::find;
use crate::iam::own;
use crate::iam::store::KeyRow;
use crate::iam::store::UserRow;
use crate::iam::store::keys_of;
use crate::iam::wire::whole;
use crate::room::Handler;

/// IAM's quota.
const MOST: usize = 2;

impl Handler for shapes::CreateAccessKey {
    fn access(ctx: &OpCtx, input: &Self::Input) -> Access {
        Access::new("iam:CreateAccessKey", own::arn(ctx, input.user_name.as_deref()))
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let snapshot = ctx.cloud.store.snapshot();
        let account = &ctx.scope.account;
        // The root has the one key that the operator gave it.
        let one = Error::LimitExceeded { quota: "AccessKeysPerAccount", limit: 1 };
        let name = own::user_name(ctx, &snapshot, input.user_name)?.ok_or(one)?;
        let user = find::<UserRow>(&snapshot, account, &name)?;
        if keys_of(&snapshot, &user.identity.id).len() >= MOST {
            return Err(Error::LimitExceeded { quota: "AccessKeysPerUser", limit: MOST }.into());
        }
        let (key, sealed_secret) = ctx.ids.with(|ids| ctx.cloud.identities.make_key(account, ids));
        let row = KeyRow(UserKey {
            account: account.clone(),
            id: key.id.clone(),
            user: user.identity.id.clone(),
            sealed_secret,
            status: KeyStatus::Active,
            created_at: ctx.now,
        });
        // The user is written again: a second key at the same moment, or its deletion, meets a conflict.
        ctx.cloud
            .store
            .commit(Txn::new().insert(&row).update(&user, &user.row))
            .await
            .map_err(Error::from)?;
        let access_key = shapes::AccessKey {
            user_name: name,
            access_key_id: key.id,
            status: KeyStatus::Active.to_string(),
            secret_access_key: key.secret.expose().to_owned(),
            create_date: Some(whole(ctx.now)),
        };
        Ok(Self::Output { access_key })
    }
}
