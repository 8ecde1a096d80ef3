//! ListPolicies: managed policies, the account's and AWS's.

use store::key;
use wire::iam as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::error::ServiceError;
use crate::iam::managed::{AWS, Managed};
use crate::iam::page::cut;
use crate::iam::store::PolicyRow;
use crate::iam::wire as render;
use crate::room::Handler;

impl Handler for shapes::ListPolicies {
    fn access(_: &OpCtx, _: &Self::Input) -> Access {
        Access::any("iam:ListPolicies")
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let snapshot = ctx.cloud.store.snapshot();
        let account = &ctx.scope.account;
        let scope = input.scope.as_deref().unwrap_or("All");
        let own = snapshot.all::<PolicyRow>(&key![account]).map(Managed::Own).filter(|_| scope != "AWS");
        let aws = AWS.values().map(Managed::Aws).filter(|_| scope != "Local");
        let prefix = input.path_prefix.as_deref().unwrap_or("/");
        let bounds = input.policy_usage_filter.as_deref() == Some("PermissionsBoundary");
        let only = input.only_attached.unwrap_or(false);
        let shown = own.chain(aws).filter(|policy| policy.path().starts_with(prefix));
        let shown = shown.map(|policy| render::policy(&snapshot, account, &policy, false));
        let used = |policy: &shapes::Policy| {
            let count =
                if bounds { policy.permissions_boundary_usage_count } else { policy.attachment_count };
            count.unwrap_or(0) > 0
        };
        let mut all: Vec<_> = shown
            .filter(|policy| !(only || bounds) || used(policy))
            .map(|policy| (policy.arn.clone().unwrap_or_default(), policy))
            .collect();
        all.sort_by(|left, right| left.0.cmp(&right.0));
        let page = cut(all, input.marker.as_deref(), input.max_items)?;
        Ok(Self::Output {
            is_truncated: Some(page.is_truncated()),
            policies: Some(page.items),
            marker: page.marker,
        })
    }
}
