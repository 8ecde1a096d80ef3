//! PutMetricFilter.
//!
//! Deviation: the filter and its transformation are kept and answered, and TestMetricFilter shows what
//! the pattern matches; no metric is written while there is no metric store.
//! Deviation: `applyOnTransformedLogs`, `fieldSelectionCriteria` and `emitSystemFieldDimensions` are refused.

use ::store::Txn;
use ::wire::Empty;
use ::wire::logs::{MetricTransformation as Shape, PutMetricFilter, PutMetricFilterRequest};
use model::logs::filter::is_selector;
use model::logs::{MetricFilter, MetricTransformation, MetricValue};
use telemetry::pattern::Pattern;

use crate::access::Access;
use crate::context::OpCtx;
use crate::error::ServiceError;
use crate::logs::classes::{self, Feature};
use crate::logs::error::Error;
use crate::logs::store::{GroupRow, MetricFilterRow};
use crate::logs::wire::{access_arn, filter_name, group_name};
use crate::logs::{filters, store};
use crate::room::Handler;

/// Metric filters of a group.
const FILTERS_MAX: usize = 100;
/// Dimensions of a metric.
const DIMENSIONS_MAX: usize = 3;
/// The longest name or value of a dimension.
const DIMENSION_MAX: usize = 255;

impl Handler for PutMetricFilter {
    fn access(ctx: &OpCtx, input: &PutMetricFilterRequest) -> Access {
        Access::new("logs:PutMetricFilter", access_arn(&ctx.scope, Some(&input.log_group_name), None))
    }

    async fn run(ctx: &OpCtx, input: PutMetricFilterRequest) -> Result<Empty, ServiceError> {
        let name = filter_name(&input.filter_name)?;
        let system_fields = input.emit_system_field_dimensions.as_deref();
        let criteria = input.field_selection_criteria.as_deref();
        filters::refuse_options(input.apply_on_transformed_logs, criteria, system_fields)?;
        let snapshot = ctx.cloud.store.snapshot();
        let group = store::group(&snapshot, &ctx.scope, &group_name(&input.log_group_name)?)?;
        classes::allow(&group, Feature::MetricFilters)?;
        let replaced = snapshot.get::<MetricFilterRow>(&store::filter_key(group.id, &name));
        let replaced_pattern = replaced.as_ref().map(|filter| filter.pattern.as_str());
        let pattern = filters::pattern(&snapshot, group.id, &input.filter_pattern, replaced_pattern)?;
        let [given] = <[Shape; 1]>::try_from(input.metric_transformations)
            .map_err(|_| Error::parameter("Exactly one metric transformation must be specified."))?;
        let transformation = transformation(given, &pattern)?;
        let count = filters::of_group::<MetricFilterRow>(&snapshot, group.id).count();
        if replaced.is_none() && count >= FILTERS_MAX {
            return Err(filters::limit().into());
        }
        let filter = MetricFilterRow(MetricFilter {
            scope: ctx.scope.clone(),
            group: group.id,
            group_name: group.name.clone(),
            name,
            pattern: input.filter_pattern,
            transformation,
            created_at: ctx.now,
        });
        // The group is written as it was: of two filters put at once, one sees the other.
        let txn = Txn::new().update(&group, &GroupRow(group.0.clone())).put(&filter);
        ctx.cloud.store.commit(txn).await.map_err(Error::Store)?;
        Ok(Empty {})
    }
}

fn transformation(given: Shape, pattern: &Pattern) -> Result<MetricTransformation, Error> {
    let invalid = |what: &str| Error::parameter(format!("Invalid metric transformation: {what}"));
    let dimensions = given.dimensions.unwrap_or_default();
    if !dimensions.is_empty() {
        if given.default_value.is_some() {
            return Err(invalid("dimensions and default value are mutually exclusive properties."));
        }
        if !pattern.names_values() {
            return Err(Error::parameter("The specified filter pattern does not support dimensions"));
        }
        if dimensions.len() > DIMENSIONS_MAX {
            return Err(invalid("a metric has at most 3 dimensions."));
        }
        let fits = |text: &str| (1..=DIMENSION_MAX).contains(&text.chars().count());
        if !dimensions.iter().all(|(key, value)| fits(key) && fits(value) && is_selector(value)) {
            return Err(invalid(
                "a dimension has a name and a value such as $.field, of 1 to 255 characters each.",
            ));
        }
    }
    let value = MetricValue::new(given.metric_value)
        .ok_or_else(|| invalid("metric value must be a number or a field such as $.size or $size."))?;
    if is_selector(value.as_str()) && !pattern.names_values() {
        return Err(invalid("metric value names a field, but the filter pattern has none."));
    }
    Ok(MetricTransformation {
        name: given.metric_name,
        namespace: given.metric_namespace,
        value,
        default_value: given.default_value,
        dimensions,
        unit: given.unit.unwrap_or_else(|| "None".to_owned()),
    })
}
