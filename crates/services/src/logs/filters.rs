//! What metric and subscription filters have in common: patterns with their quotas, options that are
//! refused, and listing by group and name.

use ::store::{Row, Snapshot, Versioned};
use model::logs::LogGroupId;
use telemetry::pattern::Pattern;

use crate::logs::error::Error;
use crate::logs::store::{MetricFilterRow, SubscriptionFilterRow, filters_prefix};

/// Regular expressions in all filters of a group, by the service's quota.
const GROUP_REGEXES_MAX: usize = 5;
/// The page size when none is asked for, and the largest.
pub(crate) const PAGE_MAX: usize = 50;

/// The filters of a group.
pub(crate) fn of_group<'s, R: Row>(
    snapshot: &'s Snapshot,
    group: LogGroupId,
) -> impl Iterator<Item = Versioned<R>> + use<'s, R> {
    snapshot.all::<R>(&filters_prefix(group, ""))
}

/// Parses the pattern of a filter that is put, `replaced` being the pattern of the filter that it replaces.
pub(crate) fn pattern(
    snapshot: &Snapshot,
    group: LogGroupId,
    text: &str,
    replaced: Option<&str>,
) -> Result<Pattern, Error> {
    let pattern = Pattern::parse(text)?;
    // Patterns that are stored were parsed before.
    let count = |text: &str| Pattern::parse(text).map_or(0, |pattern| pattern.regexes());
    let metrics = of_group::<MetricFilterRow>(snapshot, group).map(|filter| count(&filter.pattern));
    let subscriptions =
        of_group::<SubscriptionFilterRow>(snapshot, group).map(|filter| count(&filter.pattern));
    let others = metrics.sum::<usize>() + subscriptions.sum::<usize>() - replaced.map_or(0, count);
    if pattern.regexes() > 0 && others + pattern.regexes() > GROUP_REGEXES_MAX {
        return Err(limit());
    }
    Ok(pattern)
}

/// Refuses what filters of centralised and transformed logs have: there are none here.
pub(crate) fn refuse_options(
    on_transformed: Option<bool>,
    criteria: Option<&str>,
    system_fields: Option<&[String]>,
) -> Result<(), Error> {
    if on_transformed == Some(true) {
        return Err(Error::parameter(
            "applyOnTransformedLogs is valid only for log groups that have an active log transformer.",
        ));
    }
    if criteria.is_some_and(|criteria| !criteria.is_empty()) {
        return Err(Error::parameter("fieldSelectionCriteria is not supported."));
    }
    if system_fields.is_some_and(|fields| !fields.is_empty()) {
        return Err(Error::parameter("System fields are not supported."));
    }
    Ok(())
}

/// A quota is used up.
pub(crate) fn limit() -> Error {
    Error::LimitExceeded("Resource limit exceeded.".to_owned())
}

/// The page size that a request asks for.
pub(crate) fn page_size(asked: Option<i32>) -> usize {
    asked.and_then(|limit| usize::try_from(limit).ok()).map_or(PAGE_MAX, |limit| limit.clamp(1, PAGE_MAX))
}
