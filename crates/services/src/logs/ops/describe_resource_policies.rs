//! DescribeResourcePolicies: an account's, or those of groups.

use ::store::key;
use ::wire::logs::{
    DescribeResourcePolicies, DescribeResourcePoliciesRequest, DescribeResourcePoliciesResponse,
};

use crate::access::Access;
use crate::context::OpCtx;
use crate::error::ServiceError;
use crate::logs::store::ResourcePolicyRow;
use crate::logs::{filters, policies, token};
use crate::room::Handler;

impl Handler for DescribeResourcePolicies {
    fn access(_: &OpCtx, _: &DescribeResourcePoliciesRequest) -> Access {
        Access::any("logs:DescribeResourcePolicies")
    }

    async fn run(
        ctx: &OpCtx,
        input: DescribeResourcePoliciesRequest,
    ) -> Result<DescribeResourcePoliciesResponse, ServiceError> {
        let snapshot = ctx.cloud.store.snapshot();
        let group = policies::group(ctx, &snapshot, input.resource_arn.as_deref())?;
        let of_groups = group.is_some() || input.policy_scope.as_deref() == Some("RESOURCE");
        let kind = key![ctx.scope, if of_groups { "group" } else { "account" }];
        let prefix = group.map_or(kind.clone(), |group| kind.join(&key![group.name.as_str()]));
        let after = match &input.next_token {
            Some(token) => {
                let [last] = token::parse_opaque(token)?;
                Some(kind.join(&key![last.as_str()]))
            }
            None => None,
        };
        let limit = filters::page_size(input.limit);
        let mut found = snapshot.page::<ResourcePolicyRow>(&prefix, after.as_ref(), limit + 1);
        let more = found.len() > limit;
        found.truncate(limit);
        let last = found.last().filter(|_| more);
        let next_token = last.map(|last| {
            token::opaque(&[last.group.as_ref().map_or(last.name.as_str(), |group| group.as_str())])
        });
        let resource_policies = found.iter().map(|policy| policies::shown(policy)).collect();
        Ok(DescribeResourcePoliciesResponse { resource_policies: Some(resource_policies), next_token })
    }
}
