//! The options of the log drivers, by name, as ECS takes them at registration and a node at a
//! container's start.

/// How a container waits for its log, or does not: of every driver.
pub const BUFFER: [&str; 2] = ["mode", "max-buffer-size"];
/// Of all of Docker's own drivers, `awslogs` apart.
pub const COMMON: [&str; 5] = ["env", "env-regex", "labels", "labels-regex", "tag"];
/// Of `awslogs`.
pub const AWSLOGS: [&str; 6] = [
    "awslogs-create-group",
    "awslogs-datetime-format",
    "awslogs-group",
    "awslogs-multiline-pattern",
    "awslogs-region",
    "awslogs-stream-prefix",
];
/// Of `json-file`, besides [`COMMON`].
pub const JSON_FILE: [&str; 3] = ["compress", "max-file", "max-size"];
/// Of `syslog`, besides [`COMMON`]. Deviation: those of TLS are missing, since no node speaks it to a syslog daemon.
pub const SYSLOG: [&str; 3] = ["syslog-address", "syslog-facility", "syslog-format"];
/// Of `gelf`, besides [`COMMON`].
pub const GELF: [&str; 5] = [
    "gelf-address",
    "gelf-compression-level",
    "gelf-compression-type",
    "gelf-tcp-max-reconnect",
    "gelf-tcp-reconnect-delay",
];
/// Of `fluentd`, besides [`COMMON`].
pub const FLUENTD: [&str; 11] = [
    "fluentd-address",
    "fluentd-async",
    "fluentd-async-connect",
    "fluentd-async-reconnect-interval",
    "fluentd-buffer-limit",
    "fluentd-max-retries",
    "fluentd-read-timeout",
    "fluentd-request-ack",
    "fluentd-retry-wait",
    "fluentd-sub-second-precision",
    "fluentd-write-timeout",
];
/// Of `splunk`, besides [`COMMON`].
pub const SPLUNK: [&str; 13] = [
    "splunk-caname",
    "splunk-capath",
    "splunk-format",
    "splunk-gzip",
    "splunk-gzip-level",
    "splunk-index",
    "splunk-index-acknowledgment",
    "splunk-insecureskipverify",
    "splunk-source",
    "splunk-sourcetype",
    "splunk-token",
    "splunk-url",
    "splunk-verify-connection",
];
