//! A target group: what receives requests, and how its health is looked at.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Attributes, HealthCheck, TargetGroupId};
use crate::ecs::text::text_enum;
use crate::{Arn, Record, Scope, Timestamp};

text_enum! {
    /// What is spoken on a listener, or with a group's targets.
    pub enum Protocol {
        /// HTTP.
        Http = "HTTP",
        /// HTTP over TLS.
        Https = "HTTPS",
        /// Connections as they are.
        Tcp = "TCP",
        /// Connections whose TLS ends here.
        Tls = "TLS",
    }
}

impl Protocol {
    /// Whether it belongs to application load balancers.
    pub fn is_http(self) -> bool {
        match self {
            Protocol::Http | Protocol::Https => true,
            Protocol::Tcp | Protocol::Tls => false,
        }
    }

    /// Whether clients begin with a TLS handshake.
    pub fn is_secure(self) -> bool {
        match self {
            Protocol::Https | Protocol::Tls => true,
            Protocol::Http | Protocol::Tcp => false,
        }
    }
}

text_enum! {
    /// The version of HTTP that targets speak.
    pub enum ProtocolVersion {
        /// HTTP/1.1.
        Http1 = "HTTP1",
        /// HTTP/2.
        Http2 = "HTTP2",
        /// gRPC, on HTTP/2.
        Grpc = "GRPC",
    }
}

text_enum! {
    /// How targets are named.
    pub enum TargetType {
        /// By the id of an instance.
        Instance = "instance",
        /// By address.
        Ip = "ip",
    }
}

/// A target group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TargetGroup {
    /// Where it lives.
    pub scope: Scope,
    /// Which one it is.
    pub id: TargetGroupId,
    /// What its targets speak.
    pub protocol: Protocol,
    /// The version of HTTP that they speak; none for groups of connections.
    #[serde(default)]
    pub protocol_version: Option<ProtocolVersion>,
    /// The port of targets that name none.
    pub port: u16,
    /// Its VPC.
    pub vpc_id: String,
    /// How its targets are named.
    pub target_type: TargetType,
    /// How their health is looked at.
    pub health_check: HealthCheck,
    /// Attributes that are not at their defaults.
    #[serde(default)]
    pub attributes: Attributes,
    /// Its tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// When it was made.
    pub created_at: Timestamp,
}

impl Record for TargetGroup {}

impl TargetGroup {
    /// Its ARN.
    pub fn arn(&self) -> Arn {
        self.id.arn(&self.scope)
    }

    /// The value of an attribute; its default when nobody set it.
    pub fn attribute(&self, key: &str) -> &str {
        self.attributes.value(super::attribute::of_target_group(self.protocol), key)
    }
}
