//! Policy documents: JSON to statements, refused as IAM refuses them.

use std::collections::BTreeSet;

use serde_json::{Map, Value};
use thiserror::Error;

use super::condition::Condition;
use super::pattern::Pattern;

/// The version in which variables are known.
const CURRENT: &str = "2012-10-17";
const FIRST: &str = "2008-10-17";

/// Why a text is no policy: `MalformedPolicyDocument`.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct Malformed(pub(super) String);

impl Malformed {
    /// A reason that only the reader of the names in a policy can know.
    pub fn new(text: impl Into<String>) -> Self {
        Malformed(text.into())
    }
}

/// A policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    pub(super) statements: Vec<Statement>,
}

/// What a statement does with what it matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Lets it through.
    Allow,
    /// Refuses it, whatever others say.
    Deny,
}

/// One statement of a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// The statement's own name.
    pub sid: Option<String>,
    pub(super) effect: Effect,
    pub(super) principals: Option<Choice<Party>>,
    pub(super) actions: Choice<Pattern>,
    pub(super) resources: Option<Choice<Pattern>>,
    pub(super) conditions: Vec<Condition>,
}

/// An element or its negation: `Action` or `NotAction`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Choice<T> {
    These(Vec<T>),
    AllBut(Vec<T>),
}

/// A principal of a resource's or a role's policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Party {
    Anyone,
    /// Everybody in an account.
    Account(String),
    /// One identity.
    Arn(String),
    /// An AWS service such as `ecs-tasks.amazonaws.com`.
    Service(String),
    /// An identity provider.
    Federated(String),
}

/// What a policy is attached to, which says what its statements must and must not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A user, a group or a role: no principals, and resources.
    Identity,
    /// A role, to say who may take it: principals, and no resources.
    Trust,
    /// A resource: principals.
    Resource,
}

impl Document {
    /// Reads a policy for where it is to be attached.
    ///
    /// # Errors
    /// What IAM says of a `MalformedPolicyDocument`.
    pub fn parse_as(kind: Kind, text: &str) -> Result<Document, Malformed> {
        let document = Document::parse(text)?;
        let mut names = BTreeSet::new();
        for statement in &document.statements {
            if let Some(sid) = statement.sid.as_ref().filter(|sid| !sid.is_empty())
                && !names.insert(sid)
            {
                return Err(malformed("Statement IDs (SID) in a single policy must be unique."));
            }
            statement.check(kind)?;
        }
        Ok(document)
    }

    /// A policy that denies everything to everybody.
    pub fn denying() -> Document {
        let text = r#"{"Statement":{"Effect":"Deny","Action":"*","Resource":"*","Principal":"*"}}"#;
        Document::parse(text).expect("the text is a policy")
    }

    /// The ARNs of the identities that the policy names.
    pub fn named_arns(&self) -> impl Iterator<Item = &str> {
        let principals = self.statements.iter().filter_map(|statement| statement.principals.as_ref());
        principals.flat_map(Choice::all).filter_map(|party| match party {
            Party::Arn(arn) => Some(arn.as_str()),
            Party::Anyone | Party::Account(_) | Party::Service(_) | Party::Federated(_) => None,
        })
    }

    /// Reads a policy.
    ///
    /// # Errors
    /// What IAM says of a `MalformedPolicyDocument`.
    pub fn parse(text: &str) -> Result<Document, Malformed> {
        let json: Value = serde_json::from_str(text).map_err(|_| malformed("Syntax errors in policy."))?;
        let Value::Object(members) = json else { return Err(malformed("Syntax errors in policy.")) };
        let mut variables = false;
        let mut statements = None;
        for (name, value) in &members {
            match (name.as_str(), value) {
                ("Version", Value::String(version)) if version == CURRENT => variables = true,
                ("Version", Value::String(version)) if version == FIRST => {}
                ("Version", _) => {
                    return Err(malformed(format!(
                        "The policy must contain a valid version string: {CURRENT}"
                    )));
                }
                ("Id", Value::String(_)) => {}
                ("Statement", value) => statements = Some(value),
                (other, _) => return Err(malformed(format!("Unknown field {other}"))),
            }
        }
        let statements = match statements {
            Some(Value::Array(all)) => all.iter().collect(),
            Some(one @ Value::Object(_)) => vec![one],
            Some(_) | None => return Err(malformed("The policy must contain a Statement.")),
        };
        let statements = statements.into_iter().map(|statement| Statement::parse(statement, variables));
        Ok(Document { statements: statements.collect::<Result<_, _>>()? })
    }
}

impl<T> Choice<T> {
    fn all(&self) -> &[T] {
        match self {
            Choice::These(all) | Choice::AllBut(all) => all,
        }
    }
}

impl Statement {
    fn check(&self, kind: Kind) -> Result<(), Malformed> {
        if self.actions.all().is_empty() {
            return Err(malformed("Policy statement must contain actions."));
        }
        let names_resources = self.resources.as_ref().is_some_and(|resources| !resources.all().is_empty());
        match (kind, self.principals.is_some()) {
            (Kind::Identity, true) => {
                return Err(malformed("Policy document should not specify a principal."));
            }
            (Kind::Trust, true) if self.resources.is_some() => {
                return Err(malformed("Has prohibited field Resource"));
            }
            (Kind::Trust | Kind::Resource, false) => {
                return Err(malformed("Missing required field Principal"));
            }
            (Kind::Identity, false) if !names_resources => {
                return Err(malformed("Policy statement must contain resources."));
            }
            (Kind::Identity, false) | (Kind::Trust | Kind::Resource, true) => {}
        }
        let strange =
            self.resources.as_ref().and_then(|all| all.all().iter().find(|it| !it.may_be_resource()));
        match strange {
            Some(pattern) => {
                let text = pattern.source();
                Err(malformed(format!("Resource {text} must be in ARN format or \"*\".")))
            }
            None => Ok(()),
        }
    }

    fn parse(json: &Value, variables: bool) -> Result<Statement, Malformed> {
        let Value::Object(members) = json else { return Err(malformed("A Statement must be an object.")) };
        const KNOWN: [&str; 9] = [
            "Sid",
            "Effect",
            "Principal",
            "NotPrincipal",
            "Action",
            "NotAction",
            "Resource",
            "NotResource",
            "Condition",
        ];
        if let Some(other) = members.keys().find(|name| !KNOWN.contains(&name.as_str())) {
            return Err(malformed(format!("Unknown field {other}")));
        }
        let effect = match members.get("Effect").and_then(Value::as_str) {
            Some("Allow") => Effect::Allow,
            Some("Deny") => Effect::Deny,
            Some(other) => return Err(malformed(format!("Invalid effect: {other}"))),
            None => return Err(malformed("Missing required field Effect")),
        };
        let pattern = |text: String| Ok(Pattern::parse(&text, variables));
        let action = |text: String| match text.as_str() == "*" || text.contains(':') {
            true => pattern(text),
            false => {
                Err(malformed("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."))
            }
        };
        let actions = choice(members, ["Action", "NotAction"], texts, action)?;
        let conditions = match members.get("Condition") {
            None => Vec::new(),
            Some(Value::Object(operators)) => Condition::parse_all(operators, variables)?,
            Some(_) => return Err(malformed("A Condition must be an object.")),
        };
        Ok(Statement {
            sid: members.get("Sid").and_then(Value::as_str).map(str::to_owned),
            effect,
            principals: choice(members, ["Principal", "NotPrincipal"], parties, Ok)?,
            actions: actions.ok_or_else(|| malformed("Policy statement must contain actions."))?,
            resources: choice(members, ["Resource", "NotResource"], texts, pattern)?,
            conditions,
        })
    }
}

/// Reads an element in its plain or its negated form; both at once are refused.
fn choice<A, B>(
    members: &Map<String, Value>,
    names: [&str; 2],
    read: impl Fn(&Value) -> Result<Vec<A>, Malformed>,
    turn: impl Fn(A) -> Result<B, Malformed>,
) -> Result<Option<Choice<B>>, Malformed> {
    let all = |value: &Value| read(value)?.into_iter().map(&turn).collect::<Result<Vec<B>, Malformed>>();
    match (members.get(names[0]), members.get(names[1])) {
        (None, None) => Ok(None),
        (Some(value), None) => all(value).map(Choice::These).map(Some),
        (None, Some(value)) => all(value).map(Choice::AllBut).map(Some),
        (Some(_), Some(_)) => {
            Err(malformed(format!("{} and {} cannot be used together", names[0], names[1])))
        }
    }
}

/// One text or a list of them; booleans and numbers count as their text.
pub(super) fn texts(value: &Value) -> Result<Vec<String>, Malformed> {
    let text = |value: &Value| match value {
        Value::String(text) => Ok(text.clone()),
        Value::Bool(flag) => Ok(flag.to_string()),
        Value::Number(number) => Ok(number.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => Err(malformed("Syntax errors in policy.")),
    };
    match value {
        Value::Array(items) => items.iter().map(text).collect(),
        one => text(one).map(|text| vec![text]),
    }
}

fn parties(value: &Value) -> Result<Vec<Party>, Malformed> {
    let Value::Object(kinds) = value else {
        return match value.as_str() {
            Some("*") => Ok(vec![Party::Anyone]),
            Some(_) | None => Err(malformed("Invalid principal in policy")),
        };
    };
    let mut found = Vec::new();
    for (kind, value) in kinds {
        for text in texts(value)? {
            found.push(match kind.as_str() {
                "AWS" => aws_party(text)?,
                "Service" => Party::Service(text),
                "Federated" => Party::Federated(text),
                _ => return Err(malformed("Invalid principal in policy")),
            });
        }
    }
    Ok(found)
}

fn aws_party(text: String) -> Result<Party, Malformed> {
    if text == "*" {
        return Ok(Party::Anyone);
    }
    if model::AccountId::new(text.as_str()).is_ok() {
        return Ok(Party::Account(text));
    }
    let arn: model::Arn =
        text.parse().map_err(|_| malformed(format!("Invalid principal in policy: \"AWS\":\"{text}\"")))?;
    Ok(if arn.resource == "root" { Party::Account(arn.account) } else { Party::Arn(text) })
}

pub(super) fn malformed(text: impl Into<String>) -> Malformed {
    Malformed(text.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_has_its_own_members() {
        let check = |kind, statement: &str, expected: &str| {
            let text = format!(r#"{{"Version":"2012-10-17","Statement":{statement}}}"#);
            let found = Document::parse_as(kind, &text).map(drop).map_err(|error| error.to_string());
            assert_eq!(
                found,
                if expected.is_empty() { Ok(()) } else { Err(expected.to_owned()) },
                "{statement}"
            );
        };
        let own = r#"{"Effect":"Allow","Action":"ecs:*","Resource":"*"}"#;
        let of_role = r#"{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"Service":"ecs-tasks.amazonaws.com"}}"#;
        let both = r#"{"Effect":"Allow","Action":"a:b","Principal":"*","Resource":"*"}"#;
        check(Kind::Identity, own, "");
        check(Kind::Trust, of_role, "");
        check(Kind::Resource, of_role, "");
        check(Kind::Resource, both, "");
        check(Kind::Identity, of_role, "Policy document should not specify a principal.");
        check(
            Kind::Identity,
            r#"{"Effect":"Allow","Action":"a:b"}"#,
            "Policy statement must contain resources.",
        );
        check(
            Kind::Identity,
            r#"{"Effect":"Allow","Action":[],"Resource":"*"}"#,
            "Policy statement must contain actions.",
        );
        check(Kind::Trust, own, "Missing required field Principal");
        check(Kind::Trust, both, "Has prohibited field Resource");
        check(
            Kind::Identity,
            r#"{"Effect":"Allow","Action":"a:b","Resource":"web"}"#,
            "Resource web must be in ARN format or \"*\".",
        );
        check(
            Kind::Identity,
            r#"{"Effect":"Allow","Action":"a:b","Resource":["arn:aws:ecs:*:*:*","${aws:x}*"]}"#,
            "",
        );
        check(
            Kind::Identity,
            r#"[{"Sid":"A","Effect":"Allow","Action":"a:b","Resource":"*"},{"Sid":"A","Effect":"Deny","Action":"a:b","Resource":"*"}]"#,
            "Statement IDs (SID) in a single policy must be unique.",
        );
    }

    #[test]
    fn what_iam_refuses_is_refused() {
        for (text, expected) in [
            ("", "Syntax errors in policy."),
            ("[]", "Syntax errors in policy."),
            (
                r#"{"Version":"2020-01-01","Statement":[]}"#,
                "The policy must contain a valid version string: 2012-10-17",
            ),
            (r#"{"Version":"2012-10-17"}"#, "The policy must contain a Statement."),
            (r#"{"Statement":{"Effect":"Allow","Action":"*","Colour":1}}"#, "Unknown field Colour"),
            (r#"{"Statement":{"Action":"*"}}"#, "Missing required field Effect"),
            (r#"{"Statement":{"Effect":"allow","Action":"*"}}"#, "Invalid effect: allow"),
            (r#"{"Statement":{"Effect":"Allow"}}"#, "Policy statement must contain actions."),
            (
                r#"{"Statement":{"Effect":"Allow","Action":"RunTask"}}"#,
                "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.",
            ),
            (
                r#"{"Statement":{"Effect":"Allow","Action":"*","NotAction":"*"}}"#,
                "Action and NotAction cannot be used together",
            ),
            (
                r#"{"Statement":{"Effect":"Allow","Action":"*","Principal":{"AWS":"nobody"}}}"#,
                "Invalid principal in policy: \"AWS\":\"nobody\"",
            ),
            (
                r#"{"Statement":{"Effect":"Allow","Action":"*","Condition":{"StringSounds":{"a:b":"c"}}}}"#,
                "Invalid Condition type : StringSounds",
            ),
        ] {
            assert_eq!(Document::parse(text), Err(malformed(expected)), "{text}");
        }
    }
}
