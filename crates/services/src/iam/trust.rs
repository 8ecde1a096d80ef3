//! Trust: who may take a role. The doors of this room for who passes roles on.

use auth::Principal;
use auth::policy::{Document, Kind, Naming, Request, ResourceDecision, Who, evaluate_resource};
use auth::principal::PrincipalKind;
use model::{AccountId, Arn};
use store::{Snapshot, Versioned};

use super::error::Error;
use super::holder::{Named, find};
use super::policies;
use super::store::{RoleRow, UserRow};
use crate::context::OpCtx;

/// The longest session of a role that does not say.
pub(super) const USUAL_SECONDS: u32 = 3600;
/// How many characters a trust policy may have.
const LONGEST: usize = 2048;

/// Checks a trust policy: its form, its size, and that those exist whom it names.
pub(super) fn check(ctx: &OpCtx, snapshot: &Snapshot, text: &str) -> Result<(), Error> {
    let document = Document::parse_as(Kind::Trust, text)?;
    if policies::size(text) > LONGEST {
        return Err(Error::LimitExceeded { quota: "ACLSizePerRole", limit: LONGEST });
    }
    let account = &ctx.scope.account;
    match document.named_arns().find(|arn| !exists(snapshot, account, arn)) {
        Some(arn) => Err(Error::MalformedPolicy(auth::policy::Malformed::new(format!(
            "Invalid principal in policy: \"AWS\":\"{arn}\""
        )))),
        None => Ok(()),
    }
}

/// Whether an identity of our own account exists. Sessions come and go, and of other accounts nothing is known.
fn exists(snapshot: &Snapshot, account: &AccountId, arn: &str) -> bool {
    let Ok(parsed) = arn.parse::<Arn>() else { return false };
    if parsed.service != "iam" || parsed.account != account.as_str() {
        return true;
    }
    let name = parsed.resource.rsplit('/').next().unwrap_or_default();
    match parsed.resource.split('/').next() {
        Some("user") => find::<UserRow>(snapshot, account, name).is_ok_and(|it| it.row.arn() == parsed),
        Some("role") => find::<RoleRow>(snapshot, account, name).is_ok_and(|it| it.row.arn() == parsed),
        Some(_) | None => false,
    }
}

/// The role with this ARN.
pub(crate) fn role(snapshot: &Snapshot, arn: &str) -> Option<Versioned<RoleRow>> {
    let parsed: Arn = arn.parse().ok().filter(|arn: &Arn| arn.service == "iam")?;
    let account = AccountId::new(parsed.account.clone()).ok()?;
    let name = parsed.resource.strip_prefix("role/")?.rsplit('/').next()?;
    find::<RoleRow>(snapshot, &account, name).ok().filter(|it| it.row.identity().arn(RoleRow::ARN) == parsed)
}

/// Whether the service `name`, such as `ecs-tasks.amazonaws.com`, may take the role.
pub(crate) fn trusts_service(role: &RoleRow, name: &str, context: &Context) -> bool {
    naming(role, Who::Service(name), "sts:AssumeRole", context).is_ok_and(|naming| naming.is_some())
}

/// The role's trust policy.
pub(crate) fn document(role: &RoleRow) -> Document {
    Document::parse(&role.trust).unwrap_or_else(|_| Document::denying())
}

/// The principal of a session of the role.
pub(crate) fn principal(role: &RoleRow, session: &str) -> Principal {
    let account = role.identity.account.clone();
    let arn = Arn {
        service: "sts".to_owned(),
        region: String::new(),
        account: account.to_string(),
        resource: format!("assumed-role/{}/{session}", role.identity.name),
    };
    Principal {
        account,
        arn,
        user_id: format!("{}:{session}", role.identity.id),
        kind: PrincipalKind::AssumedRole,
        access_key_id: String::new(),
        session: None,
    }
}

/// The values of condition keys; keys in lower case.
pub(crate) type Context = std::collections::BTreeMap<String, Vec<String>>;

/// How the role's trust policy lets `who` do `action`, if it does; an error where it denies it.
pub(crate) fn naming(
    role: &RoleRow,
    who: Who<'_>,
    action: &str,
    context: &Context,
) -> Result<Option<Naming>, Denied> {
    let document = document(role);
    let arn = role.arn().to_string();
    let request = Request { who, action, resource: &arn, context };
    match evaluate_resource([&document], &request) {
        ResourceDecision::Allowed(naming) => Ok(Some(naming)),
        ResourceDecision::NotAllowed => Ok(None),
        ResourceDecision::Denied => Err(Denied),
    }
}

/// The trust policy denies it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Denied;
