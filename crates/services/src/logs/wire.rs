//! Requests and answers of CloudWatch Logs, to and from the model. No raw name goes deeper.

use model::logs::{FilterName, LogGroup, LogGroupName, LogStream, LogStreamName};
use model::{Arn, Scope};
use telemetry::StreamStats;

use crate::logs::error::Error;
use crate::logs::token;

/// The name in a request; its constraints were checked already.
pub(crate) fn group_name(raw: &str) -> Result<LogGroupName, Error> {
    LogGroupName::new(raw).map_err(|e| Error::parameter(format!("Invalid log group name '{raw}': {e}")))
}

/// The name in a request; its constraints were checked already.
pub(crate) fn stream_name(raw: &str) -> Result<LogStreamName, Error> {
    LogStreamName::new(raw).map_err(|e| Error::parameter(format!("Invalid log stream name '{raw}': {e}")))
}

/// The name in a request; its constraints were checked already.
pub(crate) fn filter_name(raw: &str) -> Result<FilterName, Error> {
    FilterName::new(raw).map_err(|e| Error::parameter(format!("Invalid filter name '{raw}': {e}")))
}

/// The group that a request names by name or by identifier, but not by both.
pub(crate) fn group_of(
    scope: &Scope,
    name: Option<&str>,
    identifier: Option<&str>,
) -> Result<LogGroupName, Error> {
    match (name, identifier) {
        (Some(name), None) => group_name(name),
        (None, Some(identifier)) => identified(scope, identifier),
        (None, None) => Err(Error::parameter("Either logGroupName or logGroupIdentifier must be specified.")),
        (Some(_), Some(_)) => {
            Err(Error::parameter("Only one of logGroupName and logGroupIdentifier can be specified."))
        }
    }
}

/// A group's name, or its ARN with or without the trailing `:*`.
pub(crate) fn identified(scope: &Scope, identifier: &str) -> Result<LogGroupName, Error> {
    if !identifier.starts_with("arn:") {
        return group_name(identifier);
    }
    let arn: Arn = identifier
        .parse()
        .map_err(|_| Error::parameter(format!("Invalid log group identifier '{identifier}'.")))?;
    let name = arn.resource.strip_prefix("log-group:").filter(|_| arn.is_in("logs", scope));
    group_name(name.map(|name| name.trim_end_matches(":*")).ok_or(Error::GroupNotFound)?)
}

/// The ARN to authorise against: with `:*`, as IAM writes log groups.
pub(crate) fn access_arn(scope: &Scope, name: Option<&str>, identifier: Option<&str>) -> String {
    match group_of(scope, name, identifier) {
        Ok(name) => format!("{}:*", name.arn(scope)),
        // The handler refuses it; nothing is done before that.
        Err(_) => "*".to_owned(),
    }
}

/// The ARN of a stream to authorise against.
pub(crate) fn stream_access_arn(
    scope: &Scope,
    name: Option<&str>,
    identifier: Option<&str>,
    stream: &str,
) -> String {
    match group_of(scope, name, identifier) {
        Ok(name) => format!("{}:log-stream:{stream}", name.arn(scope)),
        Err(_) => "*".to_owned(),
    }
}

/// A group as DescribeLogGroups shows it.
pub(crate) fn group(group: &LogGroup, stored_bytes: u64, metric_filters: usize) -> ::wire::logs::LogGroup {
    let arn = group.arn().to_string();
    ::wire::logs::LogGroup {
        log_group_name: Some(group.name.to_string()),
        creation_time: Some(group.created_at.as_millis()),
        retention_in_days: group.retention.map(|retention| i32::from(retention.days())),
        metric_filter_count: Some(i32::try_from(metric_filters).unwrap_or(i32::MAX)),
        arn: Some(format!("{arn}:*")),
        stored_bytes: Some(i64::try_from(stored_bytes).unwrap_or(i64::MAX)),
        log_group_class: Some(group.class.as_str().to_owned()),
        log_group_arn: Some(arn),
        deletion_protection_enabled: Some(group.deletion_protection),
        ..Default::default()
    }
}

/// A stream as DescribeLogStreams shows it. The service reports no bytes of streams since 2019.
pub(crate) fn stream(
    group: &LogGroup,
    stream: &LogStream,
    stats: Option<StreamStats>,
) -> ::wire::logs::LogStream {
    ::wire::logs::LogStream {
        log_stream_name: Some(stream.name.to_string()),
        creation_time: Some(stream.created_at.as_millis()),
        first_event_timestamp: stats.map(|s| s.first_event.as_millis()),
        last_event_timestamp: stats.map(|s| s.last_event.as_millis()),
        last_ingestion_time: stats.map(|s| s.last_ingestion.as_millis()),
        upload_sequence_token: stats.map(|s| token::sequence(s.events)),
        arn: Some(group.stream_arn(&stream.name).to_string()),
        stored_bytes: Some(0),
    }
}
