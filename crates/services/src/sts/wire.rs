//! What requests for a role say, read once, and credentials as answers show them.

use std::collections::{BTreeMap, BTreeSet};

use auth::policy::{Document, Kind};
use auth::{AccessKey, SessionFacts};
use model::Timestamp;
use wire::sts as shapes;

use super::error::Error;

/// How long a session is that does not say.
const USUAL_SECONDS: i32 = 3600;

/// What a session is to be like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    /// How long it is to be, in seconds.
    pub(super) seconds: u64,
    /// Its own policy.
    pub(super) policy: Option<String>,
    /// Managed policies that bound it.
    pub(super) policy_arns: Vec<String>,
    /// Its tags.
    pub(super) tags: BTreeMap<String, String>,
    /// Which of them go on to the next role.
    pub(super) transitive: BTreeSet<String>,
}

/// Reads a request for a role.
pub(super) fn wanted(input: &shapes::AssumeRoleRequest) -> Result<Wanted, Error> {
    if input.serial_number.is_some() || input.token_code.is_some() {
        return Err(Error::NoMfaDevice);
    }
    if input.provided_contexts.as_ref().is_some_and(|contexts| !contexts.is_empty()) {
        return Err(Error::Validation("ProvidedContexts are not supported.".to_owned()));
    }
    if input.minimum_session_token_size.is_some() {
        return Err(Error::Validation("MinimumSessionTokenSize is not supported.".to_owned()));
    }
    if let Some(policy) = &input.policy {
        Document::parse_as(Kind::Identity, policy)
            .map_err(|error| Error::MalformedPolicy(error.to_string()))?;
    }
    let mut tags = BTreeMap::new();
    for tag in input.tags.iter().flatten() {
        if tags.insert(tag.key.clone(), tag.value.clone()).is_some() {
            return Err(Error::Validation(
                "Duplicate tag keys found. Please note that Tag keys are case insensitive.".to_owned(),
            ));
        }
    }
    let transitive: BTreeSet<String> = input.transitive_tag_keys.iter().flatten().cloned().collect();
    if let Some(unknown) = transitive.iter().find(|key| !tags.contains_key(*key)) {
        return Err(Error::Validation(format!(
            "The specified transitive tag key must be included in the requested tags: {unknown}"
        )));
    }
    Ok(Wanted {
        seconds: u64::try_from(input.duration_seconds.unwrap_or(USUAL_SECONDS)).unwrap_or(0),
        policy: input.policy.clone(),
        policy_arns: input.policy_arns.iter().flatten().filter_map(|it| it.arn.clone()).collect(),
        tags,
        transitive,
    })
}

impl Wanted {
    /// Writes it into the facts of a session, over what a chain of roles brings along.
    pub(super) fn into_facts(self, mut facts: SessionFacts) -> SessionFacts {
        facts.policies = self.policy.into_iter().collect();
        facts.policy_arns = self.policy_arns;
        facts.tags.extend(self.tags);
        facts.transitive_tags.extend(self.transitive);
        facts
    }
}

/// Credentials as answers show them; STS answers in whole seconds.
pub(super) fn credentials(key: AccessKey, token: String, expires_at: Timestamp) -> shapes::Credentials {
    shapes::Credentials {
        access_key_id: key.id,
        secret_access_key: key.secret.expose().to_owned(),
        session_token: token,
        expiration: expires_at.as_millis() / 1000 * 1000,
    }
}
