//! The decision: which statements match a request, and what they come to together.

use std::collections::BTreeMap;

use super::document::{Choice, Document, Effect, Party, Statement};
use super::pattern::Pattern;

/// Who makes a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who<'a> {
    /// An identity of an account.
    Identity {
        /// Its ARN; for a session also that of its role.
        arns: &'a [&'a str],
        /// Its account.
        account: &'a str,
    },
    /// A service that acts for itself, such as `ecs-tasks.amazonaws.com`.
    Service(&'a str),
}

/// What a policy is asked.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// Who asks.
    pub who: Who<'a>,
    /// What they want to do, such as `ecs:RunTask`.
    pub action: &'a str,
    /// To what, an ARN or `*`.
    pub resource: &'a str,
    /// The values of condition keys; keys in lower case.
    pub context: &'a BTreeMap<String, Vec<String>>,
}

/// What policies come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Allowed, and nowhere denied.
    Allowed,
    /// Nobody has said anything.
    NotAllowed,
    /// A statement denies it.
    Denied {
        /// The statement's name.
        sid: Option<String>,
    },
}

/// How a resource's policy has named the caller; the greater, the more it gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Naming {
    /// By its account: the account's own policies must allow it as well.
    Account,
    /// With others: by its role, or as anyone.
    Shared,
    /// By its own ARN.
    Itself,
}

/// What the policies of a resource come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResourceDecision {
    /// Allowed to who is named so.
    Allowed(Naming),
    /// Nobody has said anything.
    NotAllowed,
    /// A statement denies it.
    Denied,
}

impl Request<'_> {
    /// The values of a condition key, which must be in lower case.
    pub(super) fn values(&self, key: &str) -> Option<&[String]> {
        self.context.get(key).map(Vec::as_slice)
    }
}

/// Asks all `policies` together.
pub fn evaluate<'p>(policies: impl IntoIterator<Item = &'p Document>, request: &Request<'_>) -> Decision {
    let mut decision = Decision::NotAllowed;
    for statement in policies.into_iter().flat_map(|policy| &policy.statements) {
        if !matches(statement, request) {
            continue;
        }
        match statement.effect {
            Effect::Deny => return Decision::Denied { sid: statement.sid.clone() },
            Effect::Allow => decision = Decision::Allowed,
        }
    }
    decision
}

/// Asks the policies of a resource, in which callers are named.
pub fn evaluate_resource<'p>(
    policies: impl IntoIterator<Item = &'p Document>,
    request: &Request<'_>,
) -> ResourceDecision {
    let mut best = None;
    for statement in policies.into_iter().flat_map(|policy| &policy.statements) {
        let Some(naming) = statement.naming(request.who).filter(|_| matches(statement, request)) else {
            continue;
        };
        match statement.effect {
            Effect::Deny => return ResourceDecision::Denied,
            Effect::Allow => best = best.max(Some(naming)),
        }
    }
    best.map_or(ResourceDecision::NotAllowed, ResourceDecision::Allowed)
}

impl Statement {
    /// How the statement names the caller. One without principals names nobody.
    fn naming(&self, who: Who<'_>) -> Option<Naming> {
        match self.principals.as_ref()? {
            Choice::These(parties) => parties.iter().filter_map(|party| party.names(who)).max(),
            Choice::AllBut(parties) => {
                let excepted = parties.iter().any(|party| party.names(who).is_some());
                (!excepted).then_some(Naming::Shared)
            }
        }
    }
}

fn matches(statement: &Statement, request: &Request<'_>) -> bool {
    let action = |pattern: &Pattern| pattern.matches_any_case(request.action, request);
    let resource = |pattern: &Pattern| pattern.matches(request.resource, request);
    statement.actions.has(action)
        && statement.resources.as_ref().is_none_or(|resources| resources.has(resource))
        && (statement.principals.is_none() || statement.naming(request.who).is_some())
        && statement.conditions.iter().all(|condition| condition.holds(request))
}

impl<T> Choice<T> {
    fn has(&self, one: impl Fn(&T) -> bool) -> bool {
        match self {
            Choice::These(all) => all.iter().any(one),
            Choice::AllBut(all) => !all.iter().any(one),
        }
    }
}

impl Party {
    fn names(&self, who: Who<'_>) -> Option<Naming> {
        match (self, who) {
            (Party::Anyone, _) => Some(Naming::Shared),
            (Party::Account(wanted), Who::Identity { account, .. }) => {
                (wanted == account).then_some(Naming::Account)
            }
            (Party::Arn(wanted), Who::Identity { arns, .. }) => {
                match arns.iter().position(|arn| arn == wanted) {
                    Some(0) => Some(Naming::Itself),
                    Some(_) => Some(Naming::Shared),
                    None => None,
                }
            }
            (Party::Service(wanted), Who::Service(name)) => (wanted == name).then_some(Naming::Itself),
            (Party::Federated(_), _)
            | (Party::Account(_) | Party::Arn(_), Who::Service(_))
            | (Party::Service(_), Who::Identity { .. }) => None,
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    static EMPTY: BTreeMap<String, Vec<String>> = BTreeMap::new();

    pub(in super::super) fn request() -> Request<'static> {
        Request {
            who: Who::Identity { arns: &["arn:aws:iam::123456789012:user/eve"], account: "123456789012" },
            action: "ecs:RunTask",
            resource: "arn:aws:ecs:us-east-2:123456789012:task-definition/web:1",
            context: &EMPTY,
        }
    }

    fn check(statements: &str, expected: Decision) {
        let document =
            Document::parse(&format!(r#"{{"Version":"2012-10-17","Statement":{statements}}}"#)).unwrap();
        assert_eq!(evaluate([&document], &request()), expected, "{statements}");
    }

    #[test]
    fn a_deny_wins_over_any_allow() {
        check("[]", Decision::NotAllowed);
        check(r#"{"Effect":"Allow","Action":"ECS:run*","Resource":"*"}"#, Decision::Allowed);
        check(
            r#"[{"Effect":"Allow","Action":"*","Resource":"*"},{"Sid":"No","Effect":"Deny","Action":"ecs:*","Resource":"*"}]"#,
            Decision::Denied { sid: Some("No".into()) },
        );
    }

    #[test]
    fn negations_match_the_rest() {
        check(r#"{"Effect":"Allow","NotAction":"iam:*","Resource":"*"}"#, Decision::Allowed);
        check(r#"{"Effect":"Allow","NotAction":["iam:*","ecs:*"],"Resource":"*"}"#, Decision::NotAllowed);
        check(
            r#"{"Effect":"Allow","Action":"*","NotResource":"arn:aws:ecs:*:*:task-definition/db:*"}"#,
            Decision::Allowed,
        );
        check(r#"{"Effect":"Allow","Action":"*","NotResource":"arn:aws:ecs:*"}"#, Decision::NotAllowed);
    }

    #[test]
    fn principals_are_accounts_identities_and_services() {
        let allow = |principal: &str| format!(r#"{{"Effect":"Allow","Action":"*","Principal":{principal}}}"#);
        for principal in [
            r#""*""#,
            r#"{"AWS":"123456789012"}"#,
            r#"{"AWS":"arn:aws:iam::123456789012:root"}"#,
            r#"{"AWS":["arn:aws:iam::123456789012:user/eve"]}"#,
        ] {
            check(&allow(principal), Decision::Allowed);
        }
        for principal in [
            r#"{"AWS":"999999999999"}"#,
            r#"{"AWS":"arn:aws:iam::123456789012:user/bob"}"#,
            r#"{"Service":"ecs-tasks.amazonaws.com"}"#,
        ] {
            check(&allow(principal), Decision::NotAllowed);
        }
        let trust = Document::parse(&format!(
            r#"{{"Statement":{}}}"#,
            allow(r#"{"Service":"ecs-tasks.amazonaws.com"}"#)
        ));
        let service = Request { who: Who::Service("ecs-tasks.amazonaws.com"), ..request() };
        assert_eq!(evaluate([&trust.unwrap()], &service), Decision::Allowed);
    }
}
