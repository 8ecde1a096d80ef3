//! Listeners, and the rules by which they choose.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Action, Attributes, Condition, Digits, ListenerId, Protocol, RuleId, TargetGroupId};
use crate::{Arn, Record, Scope};

/// A port on which a load balancer listens. Its default rule is part of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Listener {
    /// Where it lives.
    pub scope: Scope,
    /// Which one it is.
    pub id: ListenerId,
    /// What clients speak.
    pub protocol: Protocol,
    /// The port.
    pub port: u16,
    /// The TLS policy of HTTPS and TLS listeners.
    #[serde(default)]
    pub ssl_policy: Option<String>,
    /// ARNs of certificates: the default one, then those for SNI.
    #[serde(default)]
    pub certificates: Vec<String>,
    /// The ALPN policy of a TLS listener.
    #[serde(default)]
    pub alpn_policy: Option<String>,
    /// The digits of its default rule.
    pub default_rule: Digits,
    /// What the default rule does.
    pub default_action: Action,
    /// Attributes that are not at their defaults.
    #[serde(default)]
    pub attributes: Attributes,
    /// Its tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
}

/// A rule besides the default one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rule {
    /// Where it lives.
    pub scope: Scope,
    /// Which one it is.
    pub id: RuleId,
    /// 1 to 50000; the lowest that matches wins.
    pub priority: u16,
    /// All of them must hold.
    pub conditions: Vec<Condition>,
    /// What it does.
    pub action: Action,
    /// Its tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
}

impl Record for Listener {}
impl Record for Rule {}

impl Listener {
    /// Its ARN.
    pub fn arn(&self) -> Arn {
        self.id.arn(&self.scope)
    }

    /// The id of its default rule.
    pub fn default_rule_id(&self) -> RuleId {
        RuleId { listener: self.id.clone(), digits: self.default_rule.clone() }
    }

    /// The value of an attribute; its default when nobody set it.
    pub fn attribute(&self, key: &str) -> &str {
        self.attributes.value(super::attribute::of_listener(self.protocol), key)
    }
}

impl Rule {
    /// Its ARN.
    pub fn arn(&self) -> Arn {
        self.id.arn(&self.scope)
    }
}

impl Action {
    /// The target groups that it forwards to.
    pub fn groups(&self) -> impl Iterator<Item = &TargetGroupId> {
        let forward = match self {
            Action::Forward(forward) => Some(forward),
            Action::Redirect(_) | Action::FixedResponse(_) => None,
        };
        forward.into_iter().flat_map(|forward| forward.groups.iter().map(|group| &group.group))
    }
}
