//! GetAccessKeyLastUsed: when a key last signed; told to within a quarter of an hour.

use wire::iam as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::error::ServiceError;
use crate::iam::own;
use crate::iam::store::access_key;
use crate::iam::store::last_use;
use crate::iam::store::user_by_id;
use crate::iam::wire::whole;
use crate::room::Handler;

impl Handler for shapes::GetAccessKeyLastUsed {
    fn access(ctx: &OpCtx, input: &Self::Input) -> Access {
        let snapshot = ctx.cloud.store.snapshot();
        let user =
            access_key(&snapshot, &input.access_key_id).and_then(|key| user_by_id(&snapshot, &key.user));
        Access::each("iam:GetAccessKeyLastUsed", user.iter().map(|user| user.row.0.arn()))
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let snapshot = ctx.cloud.store.snapshot();
        let account = &ctx.scope.account;
        let key = access_key(&snapshot, &input.access_key_id).filter(|key| key.account == *account);
        let user = key.as_ref().and_then(|key| user_by_id(&snapshot, &key.user));
        let (Some(key), Some(user)) = (key, user) else {
            return Err(own::no_key(&input.access_key_id).into());
        };
        let none = || "N/A".to_owned();
        let used = last_use(&snapshot, &key.id);
        let access_key_last_used = shapes::AccessKeyLastUsed {
            last_used_date: used.as_ref().map(|used| whole(used.at)),
            service_name: used.as_ref().map_or_else(none, |used| used.service.clone()),
            region: used.as_ref().map_or_else(none, |used| used.region.clone()),
        };
        Ok(Self::Output {
            user_name: Some(user.identity.name.to_string()),
            access_key_last_used: Some(access_key_last_used),
        })
    }
}
