//! Listeners and rules as answers show them.

use model::elbv2::{Listener, Rule};
use wire::elbv2 as shapes;

use super::{action, condition};

/// A listener.
pub(in crate::elbv2) fn write(listener: &Listener) -> shapes::Listener {
    let secure = listener.protocol.is_secure();
    let default = listener.certificates.first().map(|arn| certificate(arn, None));
    shapes::Listener {
        listener_arn: Some(listener.arn().to_string()),
        load_balancer_arn: Some(listener.id.load_balancer.arn(&listener.scope).to_string()),
        port: Some(listener.port.into()),
        protocol: Some(listener.protocol.to_string()),
        certificates: secure.then(|| default.into_iter().collect()),
        ssl_policy: listener.ssl_policy.clone(),
        default_actions: Some(action::write(&listener.default_action, &listener.scope)),
        alpn_policy: listener.alpn_policy.clone().map(|policy| vec![policy]),
        mutual_authentication: (listener.protocol == model::elbv2::Protocol::Https).then(|| {
            shapes::MutualAuthenticationAttributes {
                mode: Some("off".into()),
                ..shapes::MutualAuthenticationAttributes::default()
            }
        }),
    }
}

/// A certificate of a listener.
pub(in crate::elbv2) fn certificate(arn: &str, is_default: Option<bool>) -> shapes::Certificate {
    shapes::Certificate { certificate_arn: Some(arn.to_owned()), is_default }
}

/// A rule.
pub(in crate::elbv2) fn write_rule(rule: &Rule) -> shapes::Rule {
    shapes::Rule {
        rule_arn: Some(rule.arn().to_string()),
        priority: Some(rule.priority.to_string()),
        conditions: Some(rule.conditions.iter().map(condition::write).collect()),
        actions: Some(action::write(&rule.action, &rule.scope)),
        is_default: Some(false),
        transforms: None,
    }
}

/// The default rule of a listener.
pub(in crate::elbv2) fn write_default_rule(listener: &Listener) -> shapes::Rule {
    shapes::Rule {
        rule_arn: Some(listener.default_rule_id().arn(&listener.scope).to_string()),
        priority: Some("default".into()),
        conditions: Some(Vec::new()),
        actions: Some(action::write(&listener.default_action, &listener.scope)),
        is_default: Some(true),
        transforms: None,
    }
}
