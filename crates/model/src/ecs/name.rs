//! Names and ids of ECS's resources, and the ARNs that they form.
//!
//! Only the long ARN form exists (`task/CLUSTER/ID`). Every ARN of an ECS resource is
//! built here, so that a resource and its ARN cannot disagree.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::text::{NameError, is_plain_name, name};
use crate::{Arn, IdSource, Scope};

name! {
    /// A cluster's name: 1 to 255 letters, digits, hyphens and underscores.
    pub struct ClusterName: "cluster name", is_plain_name;
}

name! {
    /// A task definition's family: 1 to 255 letters, digits, hyphens and underscores.
    pub struct Family: "family", is_plain_name;
}

name! {
    /// A container's name in its task definition.
    pub struct ContainerName: "container name", is_plain_name;
}

name! {
    /// A service's name.
    pub struct ServiceName: "service name", is_plain_name;
}

name! {
    /// The id of a service revision and of its deployment: 19 decimal digits.
    pub struct RevisionId: "service revision", is_digits;
}

name! {
    /// The id of a service deployment: 21 letters, digits, hyphens and underscores.
    pub struct ServiceDeploymentId: "service deployment", is_plain_name;
}

name! {
    /// A task's id: 32 lower-case hexadecimal digits.
    pub struct TaskId: "task id", is_hex32;
}

name! {
    /// A node's id: 32 lower-case hexadecimal digits.
    pub struct NodeId: "node id", is_hex32;
}

name! {
    /// A container instance's id: 32 lower-case hexadecimal digits.
    pub struct ContainerInstanceId: "container instance id", is_hex32;
}

fn is_digits(raw: &str) -> bool {
    (1..=20).contains(&raw.len()) && raw.bytes().all(|b| b.is_ascii_digit())
}

fn is_hex32(raw: &str) -> bool {
    raw.len() == 32 && raw.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

impl ClusterName {
    /// The name that ECS takes when a request gives none.
    pub fn default_name() -> Self {
        Self("default".to_owned())
    }

    /// `cluster/NAME`.
    pub fn arn(&self, scope: &Scope) -> Arn {
        Arn::new("ecs", scope, format!("cluster/{self}"))
    }
}

impl ServiceName {
    /// `service/CLUSTER/NAME`.
    pub fn arn(&self, scope: &Scope, cluster: &ClusterName) -> Arn {
        Arn::new("ecs", scope, format!("service/{cluster}/{self}"))
    }
}

impl RevisionId {
    /// A new id.
    ///
    /// # Panics
    /// Never: digits are digits.
    pub fn random(ids: &mut dyn IdSource) -> Self {
        Self::new(ids.digits(19)).expect("digits are an id")
    }

    /// `ecs-svc/ID`: the deployment's id.
    pub fn deployment(&self) -> String {
        format!("ecs-svc/{self}")
    }

    /// `service-revision/CLUSTER/SERVICE/ID`.
    pub fn arn(&self, scope: &Scope, cluster: &ClusterName, service: &ServiceName) -> Arn {
        Arn::new("ecs", scope, format!("service-revision/{cluster}/{service}/{self}"))
    }
}

impl ServiceDeploymentId {
    /// A new id.
    ///
    /// # Panics
    /// Never: the alphabet is that of a plain name.
    pub fn random(ids: &mut dyn IdSource) -> Self {
        const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
        let id: String = (0..21).map(|_| ids.one_of(ALPHABET)).collect();
        Self::new(id).expect("the alphabet is a plain name's")
    }
}

impl TaskId {
    /// `task/CLUSTER/ID`.
    pub fn arn(&self, scope: &Scope, cluster: &ClusterName) -> Arn {
        Arn::new("ecs", scope, format!("task/{cluster}/{self}"))
    }
}

impl ContainerInstanceId {
    /// `container-instance/CLUSTER/ID`.
    pub fn arn(&self, scope: &Scope, cluster: &ClusterName) -> Arn {
        Arn::new("ecs", scope, format!("container-instance/{cluster}/{self}"))
    }
}

/// One revision of a family: `family:revision`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TaskDefinitionId {
    /// The family.
    pub family: Family,
    /// The revision, from 1.
    pub revision: u32,
}

impl TaskDefinitionId {
    /// `task-definition/FAMILY:REVISION`.
    pub fn arn(&self, scope: &Scope) -> Arn {
        Arn::new("ecs", scope, format!("task-definition/{self}"))
    }
}

impl fmt::Display for TaskDefinitionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.family, self.revision)
    }
}

impl FromStr for TaskDefinitionId {
    type Err = NameError;
    fn from_str(raw: &str) -> Result<Self, NameError> {
        let refuse = || NameError { kind: "task definition", raw: raw.to_owned() };
        let (family, revision) = raw.rsplit_once(':').ok_or_else(refuse)?;
        let revision = revision.parse().ok().filter(|number| *number > 0).ok_or_else(refuse)?;
        Ok(TaskDefinitionId { family: Family::new(family)?, revision })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AccountId, Region};

    #[test]
    fn names_are_plain() {
        for good in ["web", "a-B_9", &"x".repeat(255)] {
            assert!(Family::new(good).is_ok(), "{good}");
        }
        for bad in ["", "a b", "a.b", "a/b", "ä", &"x".repeat(256)] {
            assert!(Family::new(bad).is_err(), "{bad}");
        }
        assert!(TaskId::new("0123456789abcdef0123456789abcdef").is_ok());
        assert!(TaskId::new("0123456789ABCDEF0123456789ABCDEF").is_err());
    }

    #[test]
    fn a_task_definition_is_family_and_revision() {
        let id: TaskDefinitionId = "web:7".parse().unwrap();
        let scope = Scope::new(AccountId::new("123456789012").unwrap(), Region::new("us-east-2").unwrap());
        assert_eq!(id.arn(&scope).to_string(), "arn:aws:ecs:us-east-2:123456789012:task-definition/web:7");
        for bad in ["web", "web:", "web:0", "web:x", ":3", "web:-1"] {
            assert!(bad.parse::<TaskDefinitionId>().is_err(), "{bad}");
        }
    }
}
