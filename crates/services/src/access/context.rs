//! The values of condition keys: global ones, the service's, and tags.

use std::collections::BTreeMap;

use auth::principal::PrincipalKind;

use super::authorize::Asker;
use super::tagging::RequestTags;
use super::{Access, resources};

/// Every key that is known of the request for `resource`, in lower case.
pub(super) fn of(
    asker: &Asker<'_>,
    own_tags: &BTreeMap<String, String>,
    access: &Access,
    resource: &str,
    tags: &RequestTags,
) -> BTreeMap<String, Vec<String>> {
    let mut keys = caller(asker);
    let mut add = |key: String, value: String| keys.entry(key).or_default().push(value);
    for (key, value) in own_tags {
        add(format!("aws:principaltag/{}", key.to_lowercase()), value.clone());
    }
    for (key, values) in &access.context {
        for value in values {
            add(key.to_lowercase(), value.clone());
        }
    }
    let service = access.action.split(':').next().unwrap_or_default();
    for (key, value) in resources::tags(asker, resource) {
        let key = key.to_lowercase();
        add(format!("aws:resourcetag/{key}"), value.clone());
        add(format!("{service}:resourcetag/{key}"), value);
    }
    tags.add_to(&mut keys);
    keys
}

/// The global keys about the caller and its request.
pub(crate) fn caller(asker: &Asker<'_>) -> BTreeMap<String, Vec<String>> {
    let principal = asker.principal;
    let seconds = asker.now.as_millis() / 1000;
    let mut keys = BTreeMap::new();
    let mut set = |key: &str, value: String| {
        keys.insert(key.to_owned(), vec![value]);
    };
    let kind = match principal.kind {
        PrincipalKind::Root => "Account",
        PrincipalKind::User => "User",
        PrincipalKind::AssumedRole => "AssumedRole",
    };
    // A role's session has the role's ARN here.
    set("aws:principalarn", principal.role().unwrap_or(&principal.arn).to_string());
    set("aws:principalaccount", principal.account.to_string());
    set("aws:principaltype", kind.to_owned());
    set("aws:userid", principal.user_id.clone());
    set("aws:resourceaccount", asker.scope.account.to_string());
    set("aws:requestedregion", asker.scope.region.to_string());
    set("aws:epochtime", seconds.to_string());
    set("aws:currenttime", instant(seconds));
    set("aws:principalisawsservice", "false".to_owned());
    set("aws:viaawsservice", "false".to_owned());
    // The API is served without TLS.
    set("aws:securetransport", "false".to_owned());
    if principal.kind == PrincipalKind::User
        && let Some(name) = principal.arn.resource.rsplit('/').next()
    {
        set("aws:username", name.to_owned());
    }
    if let Some(address) = asker.source_ip {
        set("aws:sourceip", address.to_canonical().to_string());
    }
    if let Some(agent) = asker.user_agent {
        set("aws:useragent", agent.to_owned());
    }
    if let Some(session) = &principal.session {
        set("aws:tokenissuetime", instant(session.issued_at.as_millis() / 1000));
        set("aws:multifactorauthpresent", "false".to_owned());
        if let Some(source) = &session.source_identity {
            set("aws:sourceidentity", source.clone());
        }
    }
    keys
}

/// Seconds since the epoch: date conditions read them as well as ISO 8601.
fn instant(seconds: i64) -> String {
    seconds.to_string()
}
