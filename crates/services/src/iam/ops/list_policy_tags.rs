//! ListPolicyTags: the tags of a policy of the account's.

use wire::iam as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::error::ServiceError;
use crate::iam::page::cut;
use crate::iam::versions;
use crate::iam::wire::write_tags;
use crate::room::Handler;

impl Handler for shapes::ListPolicyTags {
    fn access(_: &OpCtx, input: &Self::Input) -> Access {
        Access::new("iam:ListPolicyTags", &input.policy_arn)
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let snapshot = ctx.cloud.store.snapshot();
        let account = &ctx.scope.account;
        let found = versions::own(&snapshot, account, &input.policy_arn)?;
        let tags = write_tags(&found.tags).into_iter().map(|tag| (tag.key.clone(), tag));
        let page = cut(tags.collect::<Vec<_>>(), input.marker.as_deref(), input.max_items)?;
        Ok(Self::Output { is_truncated: Some(page.is_truncated()), tags: page.items, marker: page.marker })
    }
}
