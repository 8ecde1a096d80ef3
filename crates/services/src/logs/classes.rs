//! What the class of a group does not allow. Pure.

use model::logs::{LogGroup, LogGroupClass};

use crate::logs::error::Error;

/// What may be done with a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Feature {
    /// GetLogEvents and FilterLogEvents.
    Reading,
    /// Live Tail.
    LiveTail,
    /// Metric filters.
    MetricFilters,
    /// Subscription filters.
    SubscriptionFilters,
    /// Export tasks.
    Export,
    /// A retention of the caller's choice.
    Retention,
}

impl Feature {
    fn name(self) -> &'static str {
        match self {
            Feature::Reading => "Reading log events",
            Feature::LiveTail => "Live Tail",
            Feature::MetricFilters => "Metric filters",
            Feature::SubscriptionFilters => "Subscription filters",
            Feature::Export => "Exporting log events",
            Feature::Retention => "Changing the retention",
        }
    }

    /// Whether the operations behind the feature model an InvalidOperationException.
    fn has_own_exception(self) -> bool {
        match self {
            Feature::LiveTail | Feature::MetricFilters | Feature::SubscriptionFilters => true,
            Feature::Reading | Feature::Export | Feature::Retention => false,
        }
    }
}

/// Refuses what the group's class does not allow.
pub(crate) fn allow(group: &LogGroup, feature: Feature) -> Result<(), Error> {
    if allows(group.class, feature) {
        return Ok(());
    }
    let text =
        format!("{} is not supported for log groups of class {}.", feature.name(), group.class.as_str());
    Err(if feature.has_own_exception() { Error::InvalidOperation(text) } else { Error::Parameter(text) })
}

fn allows(class: LogGroupClass, feature: Feature) -> bool {
    match class {
        LogGroupClass::Standard => true,
        LogGroupClass::InfrequentAccess => matches!(feature, Feature::Reading | Feature::Retention),
        LogGroupClass::Delivery => feature == Feature::SubscriptionFilters,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_class_allows_its_own() {
        let allowed = |class| {
            let all = [
                Feature::Reading,
                Feature::LiveTail,
                Feature::MetricFilters,
                Feature::SubscriptionFilters,
                Feature::Export,
                Feature::Retention,
            ];
            all.into_iter().filter(|feature| allows(class, *feature)).collect::<Vec<_>>()
        };
        assert_eq!(allowed(LogGroupClass::Standard).len(), 6);
        assert_eq!(allowed(LogGroupClass::InfrequentAccess), [Feature::Reading, Feature::Retention]);
        assert_eq!(allowed(LogGroupClass::Delivery), [Feature::SubscriptionFilters]);
    }
}
