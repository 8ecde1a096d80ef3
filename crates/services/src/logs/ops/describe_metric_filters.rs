//! DescribeMetricFilters: of a group, of a metric, or all, by their names.

use ::store::{Key, Row, Snapshot, Versioned, key};
use ::wire::logs::{
    DescribeMetricFilters, DescribeMetricFiltersRequest, DescribeMetricFiltersResponse,
    MetricFilter as Shape, MetricTransformation,
};
use model::logs::MetricFilter;

use crate::access::Access;
use crate::context::OpCtx;
use crate::error::ServiceError;
use crate::logs::error::Error;
use crate::logs::store::{self, FILTER_BY_METRIC, FILTER_BY_NAME, MetricFilterRow};
use crate::logs::wire::{access_arn, filter_name, group_name};
use crate::logs::{filters, token};
use crate::room::Handler;

impl Handler for DescribeMetricFilters {
    fn access(ctx: &OpCtx, input: &DescribeMetricFiltersRequest) -> Access {
        let arn = match input.log_group_name.as_deref() {
            Some(name) => access_arn(&ctx.scope, Some(name), None),
            None => ctx.arn("logs", "log-group:*").to_string(),
        };
        Access::new("logs:DescribeMetricFilters", arn)
    }

    async fn run(
        ctx: &OpCtx,
        input: DescribeMetricFiltersRequest,
    ) -> Result<DescribeMetricFiltersResponse, ServiceError> {
        let snapshot = ctx.cloud.store.snapshot();
        let limit = filters::page_size(input.limit);
        let mut found = wanted(ctx, &snapshot, &input, limit + 1)?;
        let more = found.len() > limit;
        found.truncate(limit);
        let next_token = found
            .last()
            .filter(|_| more)
            .map(|last| token::opaque(&[last.name.as_str(), &last.group.to_string()]));
        let metric_filters = found.iter().map(|filter| shown(filter)).collect();
        Ok(DescribeMetricFiltersResponse { metric_filters: Some(metric_filters), next_token })
    }
}

fn wanted(
    ctx: &OpCtx,
    snapshot: &Snapshot,
    input: &DescribeMetricFiltersRequest,
    limit: usize,
) -> Result<Vec<Versioned<MetricFilterRow>>, Error> {
    let metric = match (&input.metric_namespace, &input.metric_name) {
        (Some(namespace), Some(name)) => Some((namespace.as_str(), name.as_str())),
        (None, None) => None,
        (Some(_), None) | (None, Some(_)) => {
            return Err(Error::parameter("metricName and metricNamespace must be specified together."));
        }
    };
    let after = input.next_token.as_deref().map(token::parse_opaque::<2>).transpose()?;
    if let Some(name) = &input.log_group_name {
        let group = store::group(snapshot, &ctx.scope, &group_name(name)?)?;
        let prefix = store::filters_prefix(group.id, input.filter_name_prefix.as_deref().unwrap_or_default());
        let after = match &after {
            Some([name, _]) => Some(store::filter_key(group.id, &filter_name(name)?)),
            None => None,
        };
        let of_metric = |filter: &Versioned<MetricFilterRow>| {
            metric.is_none_or(|(namespace, name)| {
                filter.transformation.namespace == namespace && filter.transformation.name == name
            })
        };
        let behind = |filter: &Versioned<MetricFilterRow>| {
            after.as_ref().is_none_or(|after: &Key| filter.row.key() > *after)
        };
        return Ok(snapshot.all(&prefix).filter(behind).filter(of_metric).take(limit).collect());
    }
    let (index, prefix) = match metric {
        Some((namespace, name)) => (FILTER_BY_METRIC, store::metric_key(&ctx.scope, namespace, name)),
        None => (FILTER_BY_NAME, key![ctx.scope]),
    };
    let after = after.map(|[name, group]| prefix.join(&key![name.as_str(), group.as_str(), name.as_str()]));
    // Filters of a group that is being deleted are still rows for a moment.
    let lives = |filter: &Versioned<MetricFilterRow>| {
        store::group(snapshot, &filter.scope, &filter.group_name).is_ok_and(|group| group.id == filter.group)
    };
    Ok(snapshot.page_by(index, &prefix, after.as_ref(), limit).into_iter().filter(lives).collect())
}

fn shown(filter: &MetricFilter) -> Shape {
    let transformation = &filter.transformation;
    Shape {
        filter_name: Some(filter.name.to_string()),
        filter_pattern: Some(filter.pattern.clone()),
        metric_transformations: Some(vec![MetricTransformation {
            metric_name: transformation.name.clone(),
            metric_namespace: transformation.namespace.clone(),
            metric_value: transformation.value.as_str().to_owned(),
            default_value: transformation.default_value,
            dimensions: (!transformation.dimensions.is_empty()).then(|| transformation.dimensions.clone()),
            unit: Some(transformation.unit.clone()),
        }]),
        creation_time: Some(filter.created_at.as_millis()),
        log_group_name: Some(filter.group_name.to_string()),
        apply_on_transformed_logs: Some(false),
        ..Default::default()
    }
}
