//! ECS: clusters, task definitions, tasks, tags and account settings.
//!
//! Other rooms and control reach in only through the functions of this file.

mod attribute;
mod authorization;
mod balancing;
pub mod connect;
pub mod door;
pub mod error;
mod instances;
mod launching;
mod ops;
mod placement;
pub mod protection;
pub mod reap;
mod registries;
mod revising;
pub mod roles;
mod rollover;
mod rules;
pub mod schedule;
mod service_view;
mod setting;
mod shifting;
mod starting;
mod store;
mod tagged;
mod task_sets;
mod view;
mod wire;

#[cfg(test)]
mod tests;

use ::store::Schema;
use ::wire::{Constraint, OperationModel, Violation, ecs as shape};

use crate::error::ServiceError;
use crate::room::{Room, op};

/// The room.
pub static ROOM: Room = Room {
    service: shape::SERVICE,
    operations: &[
        op::<shape::ContinueServiceDeployment>(),
        op::<shape::CreateCluster>(),
        op::<shape::CreateService>(),
        op::<shape::CreateTaskSet>(),
        op::<shape::DeleteAccountSetting>(),
        op::<shape::DeleteAttributes>(),
        op::<shape::DeleteCluster>(),
        op::<shape::DeleteService>(),
        op::<shape::DeleteTaskDefinitions>(),
        op::<shape::DeleteTaskSet>(),
        op::<shape::DeregisterContainerInstance>(),
        op::<shape::DeregisterTaskDefinition>(),
        op::<shape::DescribeCapacityProviders>(),
        op::<shape::DescribeClusters>(),
        op::<shape::DescribeContainerInstances>(),
        op::<shape::DescribeServiceDeployments>(),
        op::<shape::DescribeServiceRevisions>(),
        op::<shape::DescribeServices>(),
        op::<shape::DescribeTaskDefinition>(),
        op::<shape::DescribeTaskSets>(),
        op::<shape::DescribeTasks>(),
        op::<shape::ExecuteCommand>(),
        op::<shape::GetTaskProtection>(),
        op::<shape::ListAccountSettings>(),
        op::<shape::ListAttributes>(),
        op::<shape::ListClusters>(),
        op::<shape::ListContainerInstances>(),
        op::<shape::ListServiceDeployments>(),
        op::<shape::ListServices>(),
        op::<shape::ListServicesByNamespace>(),
        op::<shape::ListTagsForResource>(),
        op::<shape::ListTaskDefinitionFamilies>(),
        op::<shape::ListTaskDefinitions>(),
        op::<shape::ListTasks>(),
        op::<shape::PutAccountSetting>(),
        op::<shape::PutAccountSettingDefault>(),
        op::<shape::PutAttributes>(),
        op::<shape::PutClusterCapacityProviders>(),
        op::<shape::RegisterTaskDefinition>(),
        op::<shape::RunTask>(),
        op::<shape::StartTask>(),
        op::<shape::StopServiceDeployment>(),
        op::<shape::StopTask>(),
        op::<shape::TagResource>(),
        op::<shape::UntagResource>(),
        op::<shape::UpdateCluster>(),
        op::<shape::UpdateClusterSettings>(),
        op::<shape::UpdateContainerInstancesState>(),
        op::<shape::UpdateService>(),
        op::<shape::UpdateServicePrimaryTaskSet>(),
        op::<shape::UpdateTaskProtection>(),
        op::<shape::UpdateTaskSet>(),
    ],
    violation,
    unsupported,
};

/// Adds the room's tables to `schema`.
pub fn tables(schema: Schema) -> Schema {
    store::tables(schema)
}

/// ECS demands what its model requires, and words outside an enumeration it refuses. Lengths,
/// ranges and patterns it checks itself, in words of its own: see `rules`.
fn violation(operation: &OperationModel, violations: &[Violation]) -> Option<ServiceError> {
    let registers = operation.name == "RegisterTaskDefinition";
    let code = if registers { "ClientException" } else { "InvalidParameterException" };
    let text = violations.iter().find_map(|violation| match violation.constraint {
        Constraint::Required if registers => {
            Some(format!("{} should not be null or empty.", required_name(&violation.path)))
        }
        Constraint::Required => Some(format!("{} cannot be empty.", required_name(&violation.path))),
        // The readers of task definitions know the container's name, and say it.
        Constraint::Values(_) if registers => None,
        Constraint::Values(_) => Some(format!("1 validation error detected: {violation}")),
        Constraint::MinLength(_)
        | Constraint::MaxLength(_)
        | Constraint::MinValue(_)
        | Constraint::MaxValue(_)
        | Constraint::Pattern(_)
        | Constraint::OneMember => None,
    });
    text.map(|text| ServiceError::client(code, text))
}

/// `containerDefinitions[0].healthCheck.command` becomes `HealthCheck.command`, `tasks` becomes `Tasks`.
fn required_name(path: &str) -> String {
    let mut segments: Vec<&str> =
        path.rsplit('.').take(2).map(|segment| segment.split('[').next().unwrap_or_default()).collect();
    segments.reverse();
    let name = segments.join(".");
    let mut letters = name.chars();
    let first = letters.next().map(|letter| letter.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}

/// ECS's answer to an operation that it knows and does not offer here.
fn unsupported(operation: &str) -> ServiceError {
    ServiceError::client("UnsupportedFeatureException", format!("{operation} is not supported by Longshore."))
}
