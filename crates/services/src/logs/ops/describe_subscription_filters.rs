//! DescribeSubscriptionFilters: those of a group, by their names.

use ::wire::logs::{
    DescribeSubscriptionFilters, DescribeSubscriptionFiltersRequest, DescribeSubscriptionFiltersResponse,
    SubscriptionFilter as Shape,
};
use model::logs::SubscriptionFilter;

use crate::access::Access;
use crate::context::OpCtx;
use crate::error::ServiceError;
use crate::logs::store::{self, SubscriptionFilterRow};
use crate::logs::wire::{access_arn, filter_name, group_name};
use crate::logs::{filters, token};
use crate::room::Handler;

impl Handler for DescribeSubscriptionFilters {
    fn access(ctx: &OpCtx, input: &DescribeSubscriptionFiltersRequest) -> Access {
        Access::new(
            "logs:DescribeSubscriptionFilters",
            access_arn(&ctx.scope, Some(&input.log_group_name), None),
        )
    }

    async fn run(
        ctx: &OpCtx,
        input: DescribeSubscriptionFiltersRequest,
    ) -> Result<DescribeSubscriptionFiltersResponse, ServiceError> {
        let snapshot = ctx.cloud.store.snapshot();
        let group = store::group(&snapshot, &ctx.scope, &group_name(&input.log_group_name)?)?;
        let prefix = store::filters_prefix(group.id, input.filter_name_prefix.as_deref().unwrap_or_default());
        let after = match &input.next_token {
            Some(token) => {
                let [last] = token::parse_opaque(token)?;
                Some(store::filter_key(group.id, &filter_name(&last)?))
            }
            None => None,
        };
        let limit = filters::page_size(input.limit);
        let mut found = snapshot.page::<SubscriptionFilterRow>(&prefix, after.as_ref(), limit + 1);
        let more = found.len() > limit;
        found.truncate(limit);
        let next_token = found.last().filter(|_| more).map(|last| token::opaque(&[last.name.as_str()]));
        let shown = found.iter().map(|filter| shown(filter)).collect();
        Ok(DescribeSubscriptionFiltersResponse { subscription_filters: Some(shown), next_token })
    }
}

fn shown(filter: &SubscriptionFilter) -> Shape {
    Shape {
        filter_name: Some(filter.name.to_string()),
        log_group_name: Some(filter.group_name.to_string()),
        filter_pattern: Some(filter.pattern.clone()),
        destination_arn: Some(filter.destination.written(&filter.scope)),
        distribution: Some("ByLogStream".to_owned()),
        apply_on_transformed_logs: Some(false),
        creation_time: Some(filter.created_at.as_millis()),
        ..Default::default()
    }
}
