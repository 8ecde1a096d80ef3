//! How requests name things: by name, by id, or by ARN.

use model::ecs::name::TaskDefinitionId;
use model::ecs::{ClusterName, ContainerInstanceId, Family, ServiceName, TaskId};
use model::{Arn, Scope};

use crate::ecs::error::Error;

/// Reads a cluster's name or ARN; `default` when there is none.
///
/// A cluster of another account or region cannot be seen from here.
pub(crate) fn cluster(raw: Option<&str>, scope: &Scope) -> Result<ClusterName, Error> {
    let Some(raw) = raw.filter(|raw| !raw.is_empty()) else { return Ok(ClusterName::default_name()) };
    let name = match of_kind(raw, "cluster", scope)? {
        Reference::Name(name) | Reference::Here(name) => name,
        Reference::Elsewhere => return Err(Error::ClusterNotFound),
    };
    ClusterName::new(name.as_str()).map_err(|_| {
        Error::InvalidParameter(format!("Cluster must match ^[a-zA-Z0-9\\-_]{{1,255}}$, but was {raw}"))
    })
}

/// A task definition as requests name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TaskDefinitionReference {
    /// The family.
    pub family: Family,
    /// The revision; the newest active one when absent.
    pub revision: Option<u32>,
}

impl TaskDefinitionReference {
    /// The named revision, when one is named.
    pub(crate) fn id(&self) -> Option<TaskDefinitionId> {
        self.revision.map(|revision| TaskDefinitionId { family: self.family.clone(), revision })
    }
}

/// Reads `family`, `family:revision` or an ARN; `None` for one of another account or region.
pub(crate) fn task_definition(raw: &str, scope: &Scope) -> Result<Option<TaskDefinitionReference>, Error> {
    let name = match of_kind(raw, "task-definition", scope)? {
        Reference::Name(name) | Reference::Here(name) => name,
        Reference::Elsewhere => return Ok(None),
    };
    let (family, revision) = match name.split_once(':') {
        Some((family, revision)) => (family, Some(revision)),
        None => (name.as_str(), None),
    };
    let revision = revision.map(|number| {
        number
            .parse()
            .ok()
            .filter(|number| *number > 0u32)
            .ok_or_else(|| Error::InvalidParameter(format!("Invalid revision number. Number: {number}")))
    });
    let family = super::task_definition::family(family)?;
    Ok(Some(TaskDefinitionReference { family, revision: revision.transpose()? }))
}

/// Reads a task's id or ARN; the ARN must be of `cluster`. `None` for one of another account or region.
pub(crate) fn task(raw: &str, scope: &Scope, cluster: &ClusterName) -> Result<Option<TaskId>, Error> {
    let Some(id) = of_cluster(raw, "task", "tasks", scope, cluster)? else { return Ok(None) };
    well_formed("taskId", &id, TaskId::new(id.as_str()).ok())
}

/// Reads a container instance's id or ARN; the ARN must be of `cluster`. `None` for one of another account or region.
pub(crate) fn container_instance(
    raw: &str,
    scope: &Scope,
    cluster: &ClusterName,
) -> Result<Option<ContainerInstanceId>, Error> {
    let found = of_cluster(raw, "container-instance", "container instances", scope, cluster)?;
    let Some(id) = found else { return Ok(None) };
    well_formed("containerInstanceId", &id, ContainerInstanceId::new(id.as_str()).ok())
}

/// The id in a name or an ARN of something that belongs to a cluster.
fn of_cluster(
    raw: &str,
    kind: &str,
    plural: &str,
    scope: &Scope,
    cluster: &ClusterName,
) -> Result<Option<String>, Error> {
    match of_kind(raw, kind, scope)? {
        Reference::Name(id) => Ok(Some(id)),
        Reference::Here(path) => match path.split_once('/') {
            Some((name, id)) if name == cluster.as_str() => Ok(Some(id.to_owned())),
            Some((name, _)) => Err(Error::InvalidParameter(format!(
                "Invalid identifier: Identifier is for cluster {name}. Your cluster is {cluster}"
            ))),
            None => Err(Error::InvalidParameter(format!("Long arn format must be used for {plural}."))),
        },
        Reference::Elsewhere => Ok(None),
    }
}

fn well_formed<T>(what: &str, raw: &str, id: Option<T>) -> Result<Option<T>, Error> {
    match id {
        Some(id) => Ok(Some(id)),
        // A UUID is an id of older days: well-formed, and never one of ours.
        None if raw.len() == 36 && raw.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-') => Ok(None),
        None if raw.len() > 36 => Err(Error::InvalidParameter(format!("{what} longer than 36."))),
        None => Err(Error::InvalidParameter(format!("{what} length should be one of [32,36]"))),
    }
}

/// Reads a service's name or ARN; the ARN must be of `cluster`. `None` for one that cannot exist here.
pub(crate) fn service(raw: &str, scope: &Scope, cluster: &ClusterName) -> Result<Option<ServiceName>, Error> {
    let name = match of_kind(raw, "service", scope)? {
        Reference::Name(name) => name,
        Reference::Here(path) => match path.split_once('/') {
            Some((of, name)) if of == cluster.as_str() => name.to_owned(),
            Some((of, _)) => {
                return Err(Error::InvalidParameter(format!(
                    "Invalid identifier: Identifier is for cluster {of}. Your cluster is {cluster}"
                )));
            }
            None => return Ok(None),
        },
        Reference::Elsewhere => return Ok(None),
    };
    Ok(ServiceName::new(name).ok())
}

/// What an ARN `KIND/CLUSTER/SERVICE/ID` names; `None` for one of another account or region.
pub(crate) fn of_service(
    raw: &str,
    kind: &str,
    scope: &Scope,
) -> Result<Option<(ClusterName, ServiceName, String)>, Error> {
    let invalid = || Error::InvalidParameter("Invalid arn syntax.".into());
    let path = match of_kind(raw, kind, scope)? {
        Reference::Here(path) => path,
        Reference::Elsewhere => return Ok(None),
        Reference::Name(_) => return Err(invalid()),
    };
    let parts: Vec<&str> = path.split('/').collect();
    let [cluster, service, id] = parts.as_slice() else { return Err(invalid()) };
    let cluster = ClusterName::new(*cluster).map_err(|_| invalid())?;
    Ok(Some((cluster, ServiceName::new(*service).map_err(|_| invalid())?, (*id).to_owned())))
}

/// A name as it came, or out of an ARN.
enum Reference {
    /// No ARN.
    Name(String),
    /// An ARN's resource in this scope, without its kind.
    Here(String),
    /// An ARN of another account or region.
    Elsewhere,
}

fn of_kind(raw: &str, kind: &str, scope: &Scope) -> Result<Reference, Error> {
    if !raw.starts_with("arn:") {
        return Ok(Reference::Name(raw.to_owned()));
    }
    let arn: Arn = raw.parse().map_err(|_| Error::InvalidParameter("Invalid arn syntax.".into()))?;
    let (found, name) = arn.typed_resource().unwrap_or((arn.resource.as_str(), ""));
    if arn.service != "ecs" || found != kind {
        return Err(Error::InvalidParameter(format!("Unsupported resource type: {found}")));
    }
    Ok(if arn.is_in("ecs", scope) { Reference::Here(name.to_owned()) } else { Reference::Elsewhere })
}

#[cfg(test)]
mod tests {
    use model::{AccountId, Region};

    use super::*;

    fn scope() -> Scope {
        Scope::new(AccountId::new("123456789012").unwrap(), Region::new("us-east-2").unwrap())
    }

    #[test]
    fn a_cluster_is_a_name_or_an_arn() {
        let check = |raw: Option<&str>, expected: Result<&str, &str>| {
            let found =
                cluster(raw, &scope()).map(|name| name.to_string()).map_err(|error| error.to_string());
            assert_eq!(found, expected.map(str::to_owned).map_err(str::to_owned), "{raw:?}");
        };
        check(None, Ok("default"));
        check(Some("web"), Ok("web"));
        check(Some("arn:aws:ecs:us-east-2:123456789012:cluster/web"), Ok("web"));
        check(Some("arn:aws:ecs:us-west-1:123456789012:cluster/web"), Err("Cluster not found."));
        check(
            Some("arn:aws:ecs:us-east-2:123456789012:service/web/a"),
            Err("Unsupported resource type: service"),
        );
        check(Some("a b"), Err("Cluster must match ^[a-zA-Z0-9\\-_]{1,255}$, but was a b"));
    }

    #[test]
    fn a_task_definition_is_a_family_and_perhaps_a_revision() {
        let check = |raw: &str, expected: Option<(&str, Option<u32>)>| {
            let found = task_definition(raw, &scope()).ok().flatten();
            let found = found.as_ref().map(|found| (found.family.as_str(), found.revision));
            assert_eq!(found, expected, "{raw}");
        };
        check("web", Some(("web", None)));
        check("web:3", Some(("web", Some(3))));
        check("arn:aws:ecs:us-east-2:123456789012:task-definition/web:3", Some(("web", Some(3))));
        check("arn:aws:ecs:us-east-2:999999999999:task-definition/web:3", None);
        for bad in ["web:0", "web:x", "", "a b", "web:1:2"] {
            check(bad, None);
        }
    }

    #[test]
    fn a_task_is_an_id_or_an_arn_of_its_cluster() {
        let id = "0123456789abcdef0123456789abcdef";
        let web = ClusterName::new("web").unwrap();
        let check = |raw: &str, expected: Result<bool, &str>| {
            let found = task(raw, &scope(), &web).map(|id| id.is_some()).map_err(|error| error.to_string());
            assert_eq!(found, expected.map_err(str::to_owned), "{raw}");
        };
        check(id, Ok(true));
        check(&format!("arn:aws:ecs:us-east-2:123456789012:task/web/{id}"), Ok(true));
        check(
            &format!("arn:aws:ecs:us-east-2:123456789012:task/api/{id}"),
            Err("Invalid identifier: Identifier is for cluster api. Your cluster is web"),
        );
        check("a8d82dbd-4796-451b-bc8d-21ef77285d9f", Ok(false));
        check("short", Err("taskId length should be one of [32,36]"));
        check(&"a".repeat(40), Err("taskId longer than 36."));
    }
}
