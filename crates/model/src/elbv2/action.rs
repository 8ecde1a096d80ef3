//! What a rule does with a request.

use serde::{Deserialize, Serialize};

use super::TargetGroupId;
use crate::ecs::text::text_enum;

/// What a rule does. One action a rule: the authenticating ones, which may precede another, are not served.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Action {
    /// Hands it to a target.
    Forward(Forward),
    /// Sends the client elsewhere.
    Redirect(Redirect),
    /// Answers itself.
    FixedResponse(FixedResponse),
}

/// A share of the requests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WeightedGroup {
    /// The target group.
    pub group: TargetGroupId,
    /// 0 to 999.
    pub weight: u16,
}

/// Hands requests to targets of one or several groups.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forward {
    /// One to five groups.
    pub groups: Vec<WeightedGroup>,
    /// For how many seconds a client stays with its group.
    #[serde(default)]
    pub stickiness_seconds: Option<u32>,
}

text_enum! {
    /// The scheme that a redirect leads to.
    pub enum RedirectProtocol {
        /// The request's.
        Same = "#{protocol}",
        /// HTTP.
        Http = "HTTP",
        /// HTTPS.
        Https = "HTTPS",
    }
}

text_enum! {
    /// How lasting a redirect is.
    pub enum RedirectStatus {
        /// 301.
        Permanent = "HTTP_301",
        /// 302.
        Temporary = "HTTP_302",
    }
}

/// Sends the client elsewhere. The parts may hold `#{protocol}`, `#{host}`, `#{port}`, `#{path}` and `#{query}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Redirect {
    /// The scheme.
    pub protocol: RedirectProtocol,
    /// The host.
    pub host: String,
    /// The port, or `#{port}`.
    pub port: String,
    /// The path, with its slash.
    pub path: String,
    /// The query, without its question mark.
    pub query: String,
    /// How lasting it is.
    pub status: RedirectStatus,
}

/// An answer that needs no target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FixedResponse {
    /// 200 to 299 or 400 to 599.
    pub status: u16,
    /// The body's type.
    #[serde(default)]
    pub content_type: Option<String>,
    /// The body.
    #[serde(default)]
    pub body: Option<String>,
}
