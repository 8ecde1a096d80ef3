//! The doors of this room: what authorisation must know of a repository.

use std::sync::Arc;

use auth::policy::Document;
use model::ecr::RepositoryName;
use model::{Arn, Scope};
use registry::settings::RegistrySettings;
use registry::tables::Repository;
use std::collections::BTreeMap;
use store::{Row, Snapshot, Versioned};

use crate::access::Asker;

/// The tags of a repository.
pub(crate) fn tags_of(snapshot: &Snapshot, scope: &Scope, arn: &Arn) -> Option<BTreeMap<String, String>> {
    repository(snapshot, scope, arn).map(|found| found.tags.clone())
}

/// The policies that a request for this ARN must ask: the repository's, and the registry's.
pub(crate) fn policies_of(asker: &Asker<'_>, arn: &Arn) -> Vec<Arc<Document>> {
    let compiled = asker.identities.compiled();
    let mut all = Vec::new();
    if let Some(found) = repository(asker.snapshot, asker.scope, arn) {
        let documents = compiled.of(&found.id, found.seq, found.policy.as_deref().into_iter());
        all.extend(documents.iter().cloned());
    }
    let registry: Option<Versioned<RegistrySettings>> =
        asker.snapshot.get(&RegistrySettings::new(asker.scope).key());
    if let Some(found) = registry {
        let id = format!("registry {}", asker.scope);
        let documents = compiled.of(&id, found.seq, found.policy.as_deref().into_iter());
        all.extend(documents.iter().cloned());
    }
    all
}

fn repository(snapshot: &Snapshot, scope: &Scope, arn: &Arn) -> Option<Versioned<Repository>> {
    let name: RepositoryName = arn.is_in("ecr", scope).then(|| arn.typed_resource())??.1.parse().ok()?;
    snapshot.get(&Repository::key_of(scope, &name))
}
