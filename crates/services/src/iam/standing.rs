//! What a caller has: policies, tags, and the ARNs under which others name it.

use std::collections::BTreeMap;
use std::iter::once;
use std::sync::Arc;

use auth::Principal;
use auth::policy::{Document, Layers};
use auth::principal::PrincipalKind;
use model::iam::Permissions;
use model::{AccountId, Arn, Scope};
use store::{Seq, Snapshot, Versioned};

use super::compiled::Documents;
use super::holder::find;
use super::identities::Identities;
use super::managed::{self, Managed};
use super::store::{PolicyRow, RoleRow, UserRow, group_by_id, role_by_id, user_by_id};

/// A caller's standing at one moment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Standing {
    /// Its policies; those of resources are added by who knows the resource.
    pub(crate) layers: Layers,
    /// Its tags, with the session's.
    pub(crate) tags: BTreeMap<String, String>,
}

/// The standing of `principal`. An identity that is gone has nothing, and so may do nothing.
pub(crate) fn of(identities: &Identities, snapshot: &Snapshot, principal: &Principal) -> Standing {
    let reader = Reader { identities, snapshot, account: &principal.account };
    let mut standing = match principal.kind {
        PrincipalKind::Root => Standing::default(),
        PrincipalKind::User => reader.user(principal.entity_id()),
        PrincipalKind::AssumedRole => reader.role(principal.entity_id()),
    };
    if let Some(session) = &principal.session {
        standing.tags.extend(session.tags.clone());
        if !session.policies.is_empty() || !session.policy_arns.is_empty() {
            // A session's documents never change, whatever is committed.
            let texts = session.policies.iter().map(String::as_str);
            let own = identities.compiled().of(&principal.access_key_id, Seq(0), texts);
            let managed = session.policy_arns.iter().flat_map(|arn| reader.managed(arn).to_vec());
            standing.layers.session = Some(own.iter().cloned().chain(managed).collect());
        }
    }
    standing
}

/// The tags of a user, a role or a policy by its ARN.
pub(crate) fn tags_of(snapshot: &Snapshot, scope: &Scope, arn: &Arn) -> Option<BTreeMap<String, String>> {
    let (kind, rest) = arn.typed_resource()?;
    let name = rest.rsplit('/').next()?;
    match kind {
        "user" => find::<UserRow>(snapshot, &scope.account, name).ok().map(|it| it.tags.clone()),
        "role" => find::<RoleRow>(snapshot, &scope.account, name).ok().map(|it| it.tags.clone()),
        "policy" => find::<PolicyRow>(snapshot, &scope.account, name).ok().map(|it| it.tags.clone()),
        _other => None,
    }
}

struct Reader<'a> {
    identities: &'a Identities,
    snapshot: &'a Snapshot,
    account: &'a AccountId,
}

impl Reader<'_> {
    fn user(&self, id: &str) -> Standing {
        let Some(user) = user_by_id(self.snapshot, id) else { return Standing::default() };
        let mut identity = self.permissions(&user.identity.id, &user, &user.row.permissions);
        for group in user.groups.iter().filter_map(|id| group_by_id(self.snapshot, id)) {
            identity.extend(self.permissions(&group.identity.id, &group, &group.row.permissions));
        }
        let boundary = user.permissions.boundary.as_deref();
        self.standing(identity, boundary, user.tags.clone())
    }

    fn role(&self, id: &str) -> Standing {
        let Some(role) = role_by_id(self.snapshot, id) else { return Standing::default() };
        let identity = self.permissions(&role.identity.id, &role, &role.row.permissions);
        self.standing(identity, role.permissions.boundary.as_deref(), role.tags.clone())
    }

    fn standing(
        &self,
        identity: Vec<Arc<Document>>,
        boundary: Option<&str>,
        tags: BTreeMap<String, String>,
    ) -> Standing {
        // A boundary that is not there lets nothing through.
        let nothing = || Arc::new(Document::denying());
        let boundary = boundary.map(|arn| self.managed(arn).first().cloned().unwrap_or_else(nothing));
        Standing { layers: Layers { identity, boundary, ..Layers::default() }, tags }
    }

    fn permissions<R>(&self, id: &str, row: &Versioned<R>, permissions: &Permissions) -> Vec<Arc<Document>> {
        let inline = permissions.inline.values().map(String::as_str);
        let own = self.identities.compiled().of(id, row.seq, inline);
        let attached = permissions.attached.iter().flat_map(|arn| self.managed(arn).to_vec());
        own.iter().cloned().chain(attached).collect()
    }

    /// The document of a managed policy; nothing where there is no such policy.
    fn managed(&self, arn: &str) -> Documents {
        let compiled = self.identities.compiled();
        match managed::find(self.snapshot, self.account, arn) {
            Some(Managed::Own(row)) => compiled.of(&row.identity.id, row.seq, once(row.row.0.document())),
            Some(Managed::Aws(policy)) => compiled.of(&policy.id, Seq(0), once(policy.document.as_str())),
            None => Arc::new([]),
        }
    }
}
