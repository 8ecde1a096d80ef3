//! Shapes of scanning to and from the registry's nouns.

use registry::tables::{Finding, RegistrySettings, Scan, ScanFrequency, ScanRule, ScanState};
use wire::ecr as shapes;

use super::error::Error;

/// The longest value of a finding's attribute.
const MAX_ATTRIBUTE: usize = 256;

/// Rules of scanning.
///
/// Deviation: enhanced scanning and continuous scans are refused, as there is no Amazon Inspector.
pub(super) fn rules(
    kind: Option<&String>,
    rules: Option<Vec<shapes::RegistryScanningRule>>,
) -> Result<Vec<ScanRule>, Error> {
    if kind.is_some_and(|kind| kind != "BASIC") {
        return Err(Error::parameter("scanType", "only BASIC scanning is supported"));
    }
    let rule = |rule: shapes::RegistryScanningRule| {
        let frequency = match rule.scan_frequency.as_str() {
            "SCAN_ON_PUSH" => ScanFrequency::ScanOnPush,
            "MANUAL" => ScanFrequency::Manual,
            _continuous => {
                let why = "CONTINUOUS_SCAN is not allowed for BASIC scan type";
                return Err(Error::parameter("rules.scanFrequency", why));
            }
        };
        let filters = rule.repository_filters.into_iter().map(|filter| filter.filter).collect();
        Ok(ScanRule { frequency, filters })
    };
    let rules = rules.unwrap_or_default().into_iter().map(rule).collect::<Result<Vec<_>, _>>()?;
    if rules.windows(2).any(|pair| pair[0].frequency == pair[1].frequency) {
        return Err(Error::parameter("rules", "each scan frequency is allowed once"));
    }
    Ok(rules)
}

/// A frequency as ECR writes it.
pub(super) fn frequency(frequency: ScanFrequency) -> String {
    match frequency {
        ScanFrequency::ScanOnPush => "SCAN_ON_PUSH",
        ScanFrequency::Manual => "MANUAL",
    }
    .to_owned()
}

/// A filter as ECR shows it.
pub(super) fn filter(filter: &str) -> shapes::ScanningRepositoryFilter {
    shapes::ScanningRepositoryFilter { filter: filter.to_owned(), filter_type: "WILDCARD".to_owned() }
}

/// The registry's configuration as ECR shows it.
pub(super) fn configuration(settings: &RegistrySettings) -> shapes::RegistryScanningConfiguration {
    let rule = |rule: &ScanRule| shapes::RegistryScanningRule {
        scan_frequency: frequency(rule.frequency),
        repository_filters: rule.filters.iter().map(|wildcard| filter(wildcard)).collect(),
    };
    shapes::RegistryScanningConfiguration {
        scan_type: Some("BASIC".to_owned()),
        rules: Some(settings.scanning.iter().map(rule).collect()),
    }
}

/// How far a scan is, as ECR shows it.
pub(super) fn status(scan: &Scan) -> shapes::ImageScanStatus {
    let status = match scan.state {
        ScanState::Pending => "IN_PROGRESS",
        ScanState::Complete => "COMPLETE",
        ScanState::Failed => "FAILED",
        ScanState::Unsupported => "UNSUPPORTED_IMAGE",
    };
    shapes::ImageScanStatus { status: Some(status.to_owned()), description: Some(scan.description.clone()) }
}

/// How many findings of which severity a complete scan has.
pub(super) fn summary(scan: &Scan) -> Option<shapes::ImageScanFindingsSummary> {
    let counts = scan
        .counts
        .iter()
        .map(|(severity, count)| (severity.as_str().to_owned(), i32::try_from(*count).unwrap_or(i32::MAX)));
    (scan.state == ScanState::Complete).then(|| shapes::ImageScanFindingsSummary {
        image_scan_completed_at: scan.completed_at.map(|time| time.as_millis()),
        vulnerability_source_updated_at: scan.database_at.map(|time| time.as_millis()),
        finding_severity_counts: Some(counts.collect()),
    })
}

/// A finding as ECR shows it.
pub(super) fn finding(finding: Finding) -> shapes::ImageScanFinding {
    let attribute = |key: &str, value: &str| shapes::Attribute {
        key: key.to_owned(),
        value: Some(value.chars().take(MAX_ATTRIBUTE).collect()),
    };
    let mut attributes =
        vec![attribute("package_name", &finding.package), attribute("package_version", &finding.version)];
    attributes.extend(finding.fixed.iter().map(|version| attribute("fixed_in_version", version)));
    attributes.extend(finding.vector.iter().map(|vector| {
        let name = if vector.starts_with("CVSS:4") { "CVSS4_VECTOR" } else { "CVSS3_VECTOR" };
        attribute(name, vector)
    }));
    shapes::ImageScanFinding {
        name: Some(finding.name),
        description: Some(finding.description),
        uri: finding.uri,
        severity: Some(finding.severity.as_str().to_owned()),
        attributes: Some(attributes),
    }
}
