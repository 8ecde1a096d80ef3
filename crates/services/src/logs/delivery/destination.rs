//! Where a subscription may lead: a log group by its ARN, an endpoint by its address.
//!
//! AWS's own destinations (Kinesis, Firehose, Lambda) do not exist here and are refused.

use ::store::{Snapshot, Versioned};
use model::logs::Destination;
use model::{Arn, Scope};

use crate::logs::error::Error;
use crate::logs::store::{self, GroupRow};
use crate::logs::wire::identified;

/// The longest address.
const URL_MAX: usize = 2_048;

/// Reads `destinationArn`; answers the group that it names, if it names one.
pub(crate) fn parse(
    snapshot: &Snapshot,
    scope: &Scope,
    raw: &str,
) -> Result<(Destination, Option<Versioned<GroupRow>>), Error> {
    if raw.starts_with("http://") || raw.starts_with("https://") {
        return endpoint(raw).map(|endpoint| (endpoint, None));
    }
    let arn: Arn = raw.parse().map_err(|_| {
        Error::parameter(format!("destinationArn '{raw}' is neither an ARN nor an http or https address."))
    })?;
    if arn.service != "logs" || !arn.resource.starts_with("log-group:") {
        return Err(Error::parameter(format!(
            "Destinations of {} are not supported: name a log group by its ARN, or an http or https endpoint by \
             its address.",
            arn.service
        )));
    }
    let told = |error| match error {
        Error::GroupNotFound => undeliverable(),
        other => other,
    };
    let name = identified(scope, raw).map_err(told)?;
    let group = store::group(snapshot, scope, &name).map_err(told)?;
    Ok((Destination::Group(name), Some(group)))
}

fn endpoint(raw: &str) -> Result<Destination, Error> {
    let url = reqwest::Url::parse(raw).ok().filter(|url| url.has_host() && raw.len() <= URL_MAX);
    match url {
        Some(url) if url.username().is_empty() && url.password().is_none() && url.fragment().is_none() => {
            Ok(Destination::Endpoint(raw.to_owned()))
        }
        Some(_) | None => Err(Error::parameter(format!("'{raw}' is not the address of an endpoint."))),
    }
}

/// What the service says of a destination that does not take its test message.
pub(crate) fn undeliverable() -> Error {
    Error::parameter(
        "Could not deliver test message to specified destination. Check if the destination is valid.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_are_plain_addresses() {
        for good in ["http://127.0.0.1:9/logs", "https://logs.example.com/in?x=1"] {
            assert!(endpoint(good).is_ok(), "{good}");
        }
        let long = format!("http://h/{}", "x".repeat(URL_MAX));
        for bad in ["http://", "http://user:word@h/", "http://h/#part", long.as_str()] {
            assert!(endpoint(bad).is_err(), "{bad}");
        }
    }
}
