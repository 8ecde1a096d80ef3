//! The data format of CloudWatch Logs' subscriptions: JSON in gzip.

use std::collections::BTreeMap;
use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use model::Timestamp;
use model::logs::SubscriptionFilter;
use serde::Serialize;
use telemetry::Entry;
use telemetry::pattern::Pattern;

use crate::logs::token;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Message<'m> {
    message_type: &'m str,
    owner: &'m str,
    log_group: &'m str,
    log_stream: &'m str,
    subscription_filters: &'m [&'m str],
    log_events: Vec<LogEvent<'m>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LogEvent<'m> {
    id: String,
    timestamp: i64,
    message: &'m str,
    /// What a space-delimited pattern finds in the message.
    #[serde(skip_serializing_if = "Option::is_none")]
    extracted_fields: Option<BTreeMap<String, String>>,
}

/// Events of a stream, as their receiver gets them.
pub(super) fn data(
    filter: &SubscriptionFilter,
    pattern: &Pattern,
    stream: &str,
    entries: &[&Entry],
) -> Vec<u8> {
    let log_events = entries.iter().map(|entry| LogEvent {
        id: token::event_id(entry.key),
        timestamp: entry.key.timestamp,
        message: &entry.message,
        extracted_fields: pattern.fields(&entry.message),
    });
    packed(&Message {
        message_type: "DATA_MESSAGE",
        owner: filter.scope.account.as_str(),
        log_group: filter.group_name.as_str(),
        log_stream: stream,
        subscription_filters: &[filter.name.as_str()],
        log_events: log_events.collect(),
    })
}

/// What is sent to find out whether a receiver is there.
pub(super) fn control(now: Timestamp) -> Vec<u8> {
    packed(&Message {
        message_type: "CONTROL_MESSAGE",
        owner: "CloudwatchLogs",
        log_group: "",
        log_stream: "",
        subscription_filters: &[],
        log_events: vec![LogEvent {
            id: String::new(),
            timestamp: now.as_millis(),
            message: "CWL CONTROL MESSAGE: Checking health of destination HTTP endpoint.",
            extracted_fields: None,
        }],
    })
}

fn packed(message: &Message<'_>) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
    let json = serde_json::to_vec(message).expect("the message holds only what JSON can express");
    packer.write_all(&json).and_then(|()| packer.finish()).expect("memory takes what is written to it")
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn a_control_message_is_as_the_service_sends_it() {
        let mut text = String::new();
        flate2::read::GzDecoder::new(control(Timestamp::from_millis(5)).as_slice())
            .read_to_string(&mut text)
            .unwrap();
        let expected = json!({ "messageType": "CONTROL_MESSAGE", "owner": "CloudwatchLogs", "logGroup": "",
            "logStream": "", "subscriptionFilters": [], "logEvents": [{ "id": "", "timestamp": 5,
            "message": "CWL CONTROL MESSAGE: Checking health of destination HTTP endpoint." }] });
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), expected);
    }
}
