//! PutSubscriptionFilter: events that match are passed on as they come in (see `logs::delivery`).
//!
//! Deviation: the destination is a log group of the same account and region, by its ARN, or an HTTP or
//! HTTPS endpoint, by its address; both are Longshore's own. A group gets the events in streams of the same
//! names, an endpoint gets AWS's message (JSON in gzip, one stream a message) by POST and must answer 2xx.
//! Deviation: Kinesis, Firehose and Lambda are refused; so are `roleArn`, as no role is needed, and
//! `distribution` Random, which is Kinesis's.
//! Deviation: `applyOnTransformedLogs`, `fieldSelectionCriteria` and `emitSystemFields` are refused.

use ::store::{Txn, Versioned};
use ::wire::Empty;
use ::wire::logs::{PutSubscriptionFilter, PutSubscriptionFilterRequest};
use model::logs::SubscriptionFilter;

use crate::access::Access;
use crate::context::OpCtx;
use crate::error::ServiceError;
use crate::logs::classes::{self, Feature};
use crate::logs::error::Error;
use crate::logs::store::{GroupRow, SubscriptionFilterRow};
use crate::logs::wire::{access_arn, filter_name, group_name};
use crate::logs::{delivery, filters, store};
use crate::room::Handler;

/// Subscription filters of a group.
const FILTERS_MAX: usize = 2;

impl Handler for PutSubscriptionFilter {
    fn access(ctx: &OpCtx, input: &PutSubscriptionFilterRequest) -> Access {
        let group = access_arn(&ctx.scope, Some(&input.log_group_name), None);
        let access = Access::new("logs:PutSubscriptionFilter", group);
        // Whoever has a group written to must be allowed to write to it.
        if !input.destination_arn.starts_with("arn:aws:logs:") {
            return access;
        }
        let destination = access_arn(&ctx.scope, None, Some(&input.destination_arn));
        let streams = format!("{}:log-stream:*", destination.trim_end_matches(":*"));
        access
            .besides(Access::new("logs:PutLogEvents", streams))
            .besides(Access::new("logs:CreateLogStream", destination))
    }

    async fn run(ctx: &OpCtx, input: PutSubscriptionFilterRequest) -> Result<Empty, ServiceError> {
        check_options(&input)?;
        let name = filter_name(&input.filter_name)?;
        let snapshot = ctx.cloud.store.snapshot();
        let group = store::group(&snapshot, &ctx.scope, &group_name(&input.log_group_name)?)?;
        classes::allow(&group, Feature::SubscriptionFilters)?;
        let replaced = snapshot.get::<SubscriptionFilterRow>(&store::filter_key(group.id, &name));
        let replaced_pattern = replaced.as_ref().map(|filter| filter.pattern.as_str());
        filters::pattern(&snapshot, group.id, &input.filter_pattern, replaced_pattern)?;
        let count = filters::of_group::<SubscriptionFilterRow>(&snapshot, group.id).count();
        if replaced.is_none() && count >= FILTERS_MAX {
            return Err(filters::limit().into());
        }
        let (destination, other) = delivery::parse(&snapshot, &ctx.scope, &input.destination_arn)?;
        if delivery::would_loop(&snapshot, &ctx.scope, &group, &destination) {
            return Err(
                Error::parameter("The destination would send the log group's events back to it.").into()
            );
        }
        // Before the test, which takes time: what comes in meanwhile is passed on.
        let from = replaced.as_ref().map_or(ctx.cloud.logs.newest(), |filter| filter.from);
        ctx.cloud.log_outbound.test(&destination, ctx.now).await.map_err(|failure| {
            tracing::debug!(%destination, error = &failure as &dyn std::error::Error, "no test message got through");
            delivery::undeliverable()
        })?;
        let filter = SubscriptionFilterRow(SubscriptionFilter {
            scope: ctx.scope.clone(),
            group: group.id,
            group_name: group.name.clone(),
            id: replaced.map_or_else(|| ctx.ids.hex32(), |filter| filter.id.clone()),
            name,
            pattern: input.filter_pattern,
            destination,
            created_at: ctx.now,
            from,
        });
        ctx.cloud.store.commit(txn(&group, other.as_ref(), &filter)).await.map_err(Error::Store)?;
        Ok(Empty {})
    }
}

/// The group is written as it was and the other expected so: of filters that are put at once and
/// would make a loop or be too many, one sees the other.
fn txn(
    group: &Versioned<GroupRow>,
    other: Option<&Versioned<GroupRow>>,
    filter: &SubscriptionFilterRow,
) -> Txn {
    let txn = other.into_iter().fold(Txn::new(), |txn, other| txn.expect(other));
    txn.update(group, &GroupRow(group.0.clone())).put(filter)
}

fn check_options(input: &PutSubscriptionFilterRequest) -> Result<(), Error> {
    let criteria = input.field_selection_criteria.as_deref();
    filters::refuse_options(input.apply_on_transformed_logs, criteria, input.emit_system_fields.as_deref())?;
    if input.role_arn.is_some() {
        return Err(Error::parameter("The destinationArn cannot be used with roleArn."));
    }
    match input.distribution.as_deref() {
        None | Some("ByLogStream") => Ok(()),
        Some(_) => Err(Error::parameter("The distribution is applicable only to Kinesis data streams.")),
    }
}
