//! One file an operation.

mod add_role_to_instance_profile;
mod add_user_to_group;
mod attach_group_policy;
mod attach_role_policy;
mod attach_user_policy;
mod create_access_key;
mod create_group;
mod create_instance_profile;
mod create_policy;
mod create_policy_version;
mod create_role;
mod create_user;
mod delete_access_key;
mod delete_group;
mod delete_group_policy;
mod delete_instance_profile;
mod delete_policy;
mod delete_policy_version;
mod delete_role;
mod delete_role_permissions_boundary;
mod delete_role_policy;
mod delete_server_certificate;
mod delete_user;
mod delete_user_permissions_boundary;
mod delete_user_policy;
mod detach_group_policy;
mod detach_role_policy;
mod detach_user_policy;
mod get_access_key_last_used;
mod get_account_summary;
mod get_group;
mod get_group_policy;
mod get_instance_profile;
mod get_policy;
mod get_policy_version;
mod get_role;
mod get_role_policy;
mod get_server_certificate;
mod get_user;
mod get_user_policy;
mod list_access_keys;
mod list_attached_group_policies;
mod list_attached_role_policies;
mod list_attached_user_policies;
mod list_entities_for_policy;
mod list_group_policies;
mod list_groups;
mod list_groups_for_user;
mod list_instance_profiles;
mod list_instance_profiles_for_role;
mod list_policies;
mod list_policy_tags;
mod list_policy_versions;
mod list_role_policies;
mod list_role_tags;
mod list_roles;
mod list_server_certificates;
mod list_user_policies;
mod list_user_tags;
mod list_users;
mod put_group_policy;
mod put_role_permissions_boundary;
mod put_role_policy;
mod put_user_permissions_boundary;
mod put_user_policy;
mod remove_role_from_instance_profile;
mod remove_user_from_group;
mod set_default_policy_version;
mod tag_policy;
mod tag_role;
mod tag_user;
mod untag_policy;
mod untag_role;
mod untag_user;
mod update_access_key;
mod update_assume_role_policy;
mod update_group;
mod update_role;
mod update_role_description;
mod update_user;
mod upload_server_certificate;

use model::Arn;

use crate::context::OpCtx;

/// The ARN of a certificate of the caller's account, for policies; its path is not known before it is found.
fn certificate_arn(ctx: &OpCtx, name: &str) -> Arn {
    Arn {
        service: "iam".to_owned(),
        region: String::new(),
        account: ctx.scope.account.to_string(),
        resource: format!("server-certificate/{name}"),
    }
}
