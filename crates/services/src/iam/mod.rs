//! IAM: users, groups, roles and their policies, which key belongs to whom, and the server certificates of load
//! balancers.
//!
//! The front door and the sts room ask [`Identities`] who calls; `access` asks [`standing`] what they may do; rooms that
//! pass roles on ask [`trust`].

pub mod certificates;
pub(crate) mod compiled;
mod error;
mod holder;
mod identities;
mod managed;
mod ops;
mod own;
mod page;
mod policies;
mod seed;
pub(crate) mod standing;
pub(crate) mod store;
pub(crate) mod trust;
pub(crate) mod usage;
mod versions;
mod wire;

#[cfg(test)]
mod tests;

use ::wire::iam as shapes;
use ::wire::{OperationModel, Violation};

use crate::error::ServiceError;
use crate::room::{Room, lower_camel, op, validation_text};

pub use identities::{Identities, Identity};
pub use seed::open_account;

/// The room.
pub static ROOM: Room = Room {
    service: shapes::SERVICE,
    operations: &[
        op::<shapes::AddRoleToInstanceProfile>(),
        op::<shapes::AddUserToGroup>(),
        op::<shapes::AttachGroupPolicy>(),
        op::<shapes::AttachRolePolicy>(),
        op::<shapes::AttachUserPolicy>(),
        op::<shapes::CreateAccessKey>(),
        op::<shapes::CreateGroup>(),
        op::<shapes::CreateInstanceProfile>(),
        op::<shapes::CreatePolicy>(),
        op::<shapes::CreatePolicyVersion>(),
        op::<shapes::CreateRole>(),
        op::<shapes::CreateUser>(),
        op::<shapes::DeleteAccessKey>(),
        op::<shapes::DeleteGroup>(),
        op::<shapes::DeleteGroupPolicy>(),
        op::<shapes::DeleteInstanceProfile>(),
        op::<shapes::DeletePolicy>(),
        op::<shapes::DeletePolicyVersion>(),
        op::<shapes::DeleteRole>(),
        op::<shapes::DeleteRolePermissionsBoundary>(),
        op::<shapes::DeleteRolePolicy>(),
        op::<shapes::DeleteServerCertificate>(),
        op::<shapes::DeleteUser>(),
        op::<shapes::DeleteUserPermissionsBoundary>(),
        op::<shapes::DeleteUserPolicy>(),
        op::<shapes::DetachGroupPolicy>(),
        op::<shapes::DetachRolePolicy>(),
        op::<shapes::DetachUserPolicy>(),
        op::<shapes::GetAccessKeyLastUsed>(),
        op::<shapes::GetAccountSummary>(),
        op::<shapes::GetGroup>(),
        op::<shapes::GetGroupPolicy>(),
        op::<shapes::GetInstanceProfile>(),
        op::<shapes::GetPolicy>(),
        op::<shapes::GetPolicyVersion>(),
        op::<shapes::GetRole>(),
        op::<shapes::GetRolePolicy>(),
        op::<shapes::GetServerCertificate>(),
        op::<shapes::GetUser>(),
        op::<shapes::GetUserPolicy>(),
        op::<shapes::ListAccessKeys>(),
        op::<shapes::ListAttachedGroupPolicies>(),
        op::<shapes::ListAttachedRolePolicies>(),
        op::<shapes::ListAttachedUserPolicies>(),
        op::<shapes::ListEntitiesForPolicy>(),
        op::<shapes::ListGroupPolicies>(),
        op::<shapes::ListGroups>(),
        op::<shapes::ListGroupsForUser>(),
        op::<shapes::ListInstanceProfiles>(),
        op::<shapes::ListInstanceProfilesForRole>(),
        op::<shapes::ListPolicies>(),
        op::<shapes::ListPolicyTags>(),
        op::<shapes::ListPolicyVersions>(),
        op::<shapes::ListRolePolicies>(),
        op::<shapes::ListRoleTags>(),
        op::<shapes::ListRoles>(),
        op::<shapes::ListServerCertificates>(),
        op::<shapes::ListUserPolicies>(),
        op::<shapes::ListUserTags>(),
        op::<shapes::ListUsers>(),
        op::<shapes::PutGroupPolicy>(),
        op::<shapes::PutRolePermissionsBoundary>(),
        op::<shapes::PutRolePolicy>(),
        op::<shapes::PutUserPermissionsBoundary>(),
        op::<shapes::PutUserPolicy>(),
        op::<shapes::RemoveRoleFromInstanceProfile>(),
        op::<shapes::RemoveUserFromGroup>(),
        op::<shapes::SetDefaultPolicyVersion>(),
        op::<shapes::TagPolicy>(),
        op::<shapes::TagRole>(),
        op::<shapes::TagUser>(),
        op::<shapes::UntagPolicy>(),
        op::<shapes::UntagRole>(),
        op::<shapes::UntagUser>(),
        op::<shapes::UpdateAccessKey>(),
        op::<shapes::UpdateAssumeRolePolicy>(),
        op::<shapes::UpdateGroup>(),
        op::<shapes::UpdateRole>(),
        op::<shapes::UpdateRoleDescription>(),
        op::<shapes::UpdateUser>(),
        op::<shapes::UploadServerCertificate>(),
    ],
    violation,
    unsupported,
};

/// IAM writes paths in lower camel case, whatever its parameters are called.
fn violation(_: &OperationModel, violations: &[Violation]) -> Option<ServiceError> {
    let lowered: Vec<_> =
        violations.iter().map(|it| Violation { path: lower_camel(&it.path), ..it.clone() }).collect();
    Some(ServiceError::client("ValidationError", validation_text(&lowered)))
}

/// IAM's answer to an action that it cannot find.
fn unsupported(operation: &str) -> ServiceError {
    ServiceError::client(
        "InvalidAction",
        format!("Longshore does not serve {operation} of version {}.", shapes::SERVICE.api_version),
    )
}
