//! What is said between a control plane and a balancer process beside the routes themselves.
//!
//! Each side sends JSON frames, each behind its length as four bytes, big-endian. The balancer speaks first with
//! a [`BalancerMessage::Hello`]. A report is whole, like the routes: the newest is all that counts.

use serde::{Deserialize, Serialize};

use super::Routes;

/// How a listener's failure begins where the machine does not have the address that follows.
pub const MISSING_ADDRESS: &str = "this machine does not have the address";

/// A frame to a balancer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "message")]
pub enum RoutesMessage {
    /// Serve this from now on, and keep it for the next start.
    Routes(Routes),
    /// Give the listening sockets to the sender, who replaces this process: they come beside the answer
    /// [`BalancerMessage::Sockets`]. The process serves what it has and ends.
    HandOver,
    /// The newest [`BalancerMessage::Access`] is stored: the next may come.
    AccessStored,
    /// Close everything and end.
    Shutdown,
}

/// A frame from a balancer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "message")]
pub enum BalancerMessage {
    /// Who it is.
    Hello(BalancerHello),
    /// What is new.
    Report(RoutesReport),
    /// Lines of access logs. The same come again over the next connection, unless they are said to be stored
    /// ([`RoutesMessage::AccessStored`]); until then no others come.
    Access(Vec<AccessLine>),
    /// The addresses (`127.0.0.1:80`) of the sockets that come along, in their order.
    Sockets(Vec<String>),
}

/// A balancer's introduction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BalancerHello {
    /// Its [`super::ROUTES_VERSION`].
    pub version: u32,
    /// Names its executable: another one is another build.
    pub build: String,
    /// Its process.
    pub pid: u32,
    /// The serial of the routes that it serves; 0 for none.
    pub serial: u64,
}

/// How listeners and targets are.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RoutesReport {
    /// [`Routes::serial`] of what is served.
    pub serial: u64,
    /// Every listener.
    pub listeners: Vec<ListenerReport>,
    /// Every target of every group.
    pub targets: Vec<TargetReport>,
}

/// How a listener is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListenerReport {
    /// Its ARN.
    pub arn: String,
    /// Why it does not answer on some of its addresses, for the operator; empty when it does on all.
    /// What failed is tried again.
    #[serde(default)]
    pub failures: Vec<String>,
}

/// How a target is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TargetReport {
    /// The ARN of its group.
    pub target_group: String,
    /// The id it was registered by.
    pub id: String,
    /// Its port.
    pub port: u16,
    /// Its state.
    pub state: TargetState,
    /// Why, unless it is healthy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<TargetReason>,
    /// The same in ELB's words, such as `Health checks failed with these codes: [500]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Running requests and connections. Kept up to date for a draining target: at 0 it may go.
    pub in_flight: u32,
}

/// The states of a target that a balancer knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TargetState {
    /// Not enough is known.
    Initial,
    /// It gets requests.
    Healthy,
    /// It gets none, unless all are so.
    Unhealthy,
    /// It gets no new ones.
    Draining,
}

/// ELB's reason codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TargetReason {
    /// It was registered just now.
    #[serde(rename = "Elb.RegistrationInProgress")]
    RegistrationInProgress,
    /// Its first checks run.
    #[serde(rename = "Elb.InitialHealthChecking")]
    InitialHealthChecking,
    /// It answers other codes than wanted.
    #[serde(rename = "Target.ResponseCodeMismatch")]
    ResponseCodeMismatch,
    /// It does not answer in time.
    #[serde(rename = "Target.Timeout")]
    Timeout,
    /// It cannot be reached, or answers nonsense.
    #[serde(rename = "Target.FailedHealthChecks")]
    FailedHealthChecks,
    /// It is being deregistered.
    #[serde(rename = "Target.DeregistrationInProgress")]
    DeregistrationInProgress,
    /// It is not checked.
    #[serde(rename = "Target.HealthCheckDisabled")]
    HealthCheckDisabled,
}

impl TargetReason {
    /// ELB's name for it.
    pub fn code(self) -> &'static str {
        match self {
            TargetReason::RegistrationInProgress => "Elb.RegistrationInProgress",
            TargetReason::InitialHealthChecking => "Elb.InitialHealthChecking",
            TargetReason::ResponseCodeMismatch => "Target.ResponseCodeMismatch",
            TargetReason::Timeout => "Target.Timeout",
            TargetReason::FailedHealthChecks => "Target.FailedHealthChecks",
            TargetReason::DeregistrationInProgress => "Target.DeregistrationInProgress",
            TargetReason::HealthCheckDisabled => "Target.HealthCheckDisabled",
        }
    }
}

/// The logs that a balancer writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum LogKind {
    /// Requests; of a network load balancer, its connections with TLS.
    #[default]
    Access,
    /// Connections of an application load balancer.
    Connection,
}

/// A request or a connection in a log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AccessLine {
    /// The load balancer's ARN.
    pub load_balancer: String,
    /// The log.
    #[serde(default)]
    pub kind: LogKind,
    /// When the response was sent, or the connection made or ended; epoch milliseconds.
    pub timestamp: i64,
    /// The line, in ELB's format.
    pub line: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_named_alike_in_both_forms() {
        use TargetReason as R;
        for reason in [
            R::RegistrationInProgress,
            R::InitialHealthChecking,
            R::ResponseCodeMismatch,
            R::Timeout,
            R::FailedHealthChecks,
            R::DeregistrationInProgress,
            R::HealthCheckDisabled,
        ] {
            assert_eq!(serde_json::to_value(reason).unwrap(), reason.code());
        }
    }

    #[test]
    fn a_handmade_snapshot_needs_only_what_matters() {
        let text = r#"{"type": "Routes", "message": {"version": 1, "serial": 7, "loadBalancers": [{
            "arn": "lb", "kind": "application", "dnsName": "web-1.us-east-2.elb.localhost",
            "addresses": ["127.1.0.1"], "sharedAddresses": ["127.0.0.1"],
            "listeners": [{"arn": "l", "port": 80, "protocol": "HTTP",
                "rules": [{"arn": "r", "priority": 1,
                    "conditions": [{"field": "path-pattern", "values": ["/api/*"]}],
                    "action": {"type": "fixed-response", "status": 204}}],
                "defaultAction": {"type": "forward", "targetGroups": [{"arn": "tg", "weight": 1}]}}]}],
            "targetGroups": [{"arn": "tg", "protocol": "HTTP",
                "stickiness": {"type": "lb_cookie", "durationSeconds": 60},
                "healthCheck": {"protocol": "HTTP", "path": "/", "intervalSeconds": 30, "timeoutSeconds": 5,
                    "healthyThreshold": 5, "unhealthyThreshold": 2, "matcher": {"http": [[200, 299]]}},
                "targets": [{"id": "10.0.0.1", "address": "10.0.0.1", "port": 8080}]}]}}"#;
        let message: RoutesMessage = serde_json::from_str(text).unwrap();
        let RoutesMessage::Routes(routes) = &message else { panic!("{message:?}") };
        assert_eq!(routes.load_balancers[0].attributes.idle_timeout_seconds, 60);
        assert_eq!(routes.target_groups[0].minimum_healthy_count, 1);
        let again = serde_json::to_string(&message).unwrap();
        assert_eq!(serde_json::from_str::<RoutesMessage>(&again).unwrap(), message);
    }
}
