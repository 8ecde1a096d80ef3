//! ListPolicyVersions: the versions of a policy, newest first.

use wire::iam as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::error::ServiceError;
use crate::iam::managed::Managed;
use crate::iam::page::cut;
use crate::iam::versions;
use crate::iam::wire as render;
use crate::room::Handler;

impl Handler for shapes::ListPolicyVersions {
    fn access(_: &OpCtx, input: &Self::Input) -> Access {
        Access::new("iam:ListPolicyVersions", &input.policy_arn)
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let snapshot = ctx.cloud.store.snapshot();
        let account = &ctx.scope.account;
        let found = versions::find(&snapshot, account, &input.policy_arn)?;
        let all: Vec<_> = match &found {
            Managed::Own(row) => {
                let newest_first = row.versions.iter().rev().zip(0u32..);
                let shown = newest_first
                    .map(|((number, it), place)| (place, render::version(row, *number, it, false)));
                shown.map(|(place, version)| (format!("{place:08}"), version)).collect()
            }
            Managed::Aws(policy) => vec![("0".to_owned(), render::aws_version(policy, false))],
        };
        let page = cut(all, input.marker.as_deref(), input.max_items)?;
        Ok(Self::Output {
            is_truncated: Some(page.is_truncated()),
            versions: Some(page.items),
            marker: page.marker,
        })
    }
}
