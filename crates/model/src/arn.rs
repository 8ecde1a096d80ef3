//! Amazon resource names: `arn:aws:service:region:account:resource`.
//!
//! The partition is always `aws`. The resource part may itself contain colons and slashes.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::scope::Scope;

/// An ARN in its six parts. `region` and `account` may be empty (as in IAM's ARNs).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Arn {
    /// The service namespace, such as `ecs` or `elasticloadbalancing`.
    pub service: String,
    /// The region, or empty for global services.
    pub region: String,
    /// The account id, or empty where the ARN names none; `aws` for AWS-managed policies.
    pub account: String,
    /// Everything after the fifth colon.
    pub resource: String,
}

/// A string is not an ARN of the `aws` partition.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("not an ARN: {0:?}")]
pub struct ArnError(pub String);

impl Arn {
    /// Builds the ARN of a resource that lives in `scope`.
    pub fn new(service: &str, scope: &Scope, resource: impl Into<String>) -> Self {
        Arn {
            service: service.to_owned(),
            region: scope.region.to_string(),
            account: scope.account.to_string(),
            resource: resource.into(),
        }
    }

    /// Whether the ARN names a resource of `service` in `scope`.
    pub fn is_in(&self, service: &str, scope: &Scope) -> bool {
        self.service == service
            && self.region == scope.region.as_str()
            && self.account == scope.account.as_str()
    }

    /// Splits the resource at its first slash: `cluster/web` gives `("cluster", "web")`.
    pub fn typed_resource(&self) -> Option<(&str, &str)> {
        self.resource.split_once('/')
    }
}

impl FromStr for Arn {
    type Err = ArnError;
    fn from_str(raw: &str) -> Result<Self, ArnError> {
        let mut parts = raw.splitn(6, ':');
        let mut next = || parts.next();
        match (next(), next(), next(), next(), next(), next()) {
            (Some("arn"), Some("aws"), Some(service), Some(region), Some(account), Some(resource))
                if !service.is_empty() && !resource.is_empty() =>
            {
                Ok(Arn {
                    service: service.to_owned(),
                    region: region.to_owned(),
                    account: account.to_owned(),
                    resource: resource.to_owned(),
                })
            }
            _ => Err(ArnError(raw.to_owned())),
        }
    }
}

impl TryFrom<String> for Arn {
    type Error = ArnError;
    fn try_from(raw: String) -> Result<Self, ArnError> {
        raw.parse()
    }
}

impl From<Arn> for String {
    fn from(arn: Arn) -> String {
        arn.to_string()
    }
}

impl fmt::Display for Arn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Arn { service, region, account, resource } = self;
        write!(f, "arn:aws:{service}:{region}:{account}:{resource}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trips_with_colons_in_the_resource() {
        let raw = "arn:aws:logs:us-east-2:123456789012:log-group:/ecs/web:*";
        let arn: Arn = raw.parse().unwrap();
        assert_eq!(arn.resource, "log-group:/ecs/web:*");
        assert_eq!(arn.to_string(), raw);
    }

    #[test]
    fn refuses_what_is_no_arn() {
        for bad in ["", "arn:aws:ecs", "arn:aws-cn:ecs:r:a:x", "cluster/web", "arn:aws:ecs:r:a:"] {
            assert!(bad.parse::<Arn>().is_err(), "{bad}");
        }
    }
}
