//! ListEntitiesForPolicy: who has a managed policy, and whom it bounds.

use model::AccountId;
use model::iam::Identity;
use store::{Snapshot, key};
use wire::iam as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::error::ServiceError;
use crate::iam::holder::Named;
use crate::iam::page::cut;
use crate::iam::store::{BY_BOUNDARY, BY_POLICY, GroupRow, RoleRow, UserRow};
use crate::iam::versions;
use crate::room::Handler;

impl Handler for shapes::ListEntitiesForPolicy {
    fn access(_: &OpCtx, input: &Self::Input) -> Access {
        Access::new("iam:ListEntitiesForPolicy", &input.policy_arn)
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let snapshot = ctx.cloud.store.snapshot();
        let account = &ctx.scope.account;
        versions::find(&snapshot, account, &input.policy_arn)?;
        let index = match input.policy_usage_filter.as_deref() {
            Some("PermissionsBoundary") => BY_BOUNDARY,
            Some(_) | None => BY_POLICY,
        };
        let filter = input.entity_filter.as_deref();
        let wants = |kind: &str| {
            matches!(filter, None | Some("LocalManagedPolicy" | "AWSManagedPolicy")) || filter == Some(kind)
        };
        let mut all = Vec::new();
        let prefix = input.path_prefix.as_deref().unwrap_or("/");
        let users = holders::<UserRow>(&snapshot, account, index, &input.policy_arn);
        all.extend(users.into_iter().filter(|_| wants("User")).map(|it| (Kind::User, it)));
        let groups = holders::<GroupRow>(&snapshot, account, index, &input.policy_arn);
        all.extend(groups.into_iter().filter(|_| wants("Group")).map(|it| (Kind::Group, it)));
        let roles = holders::<RoleRow>(&snapshot, account, index, &input.policy_arn);
        all.extend(roles.into_iter().filter(|_| wants("Role")).map(|it| (Kind::Role, it)));
        let shown = all.into_iter().filter(|(_, it)| it.path.as_str().starts_with(prefix));
        let mut named: Vec<_> =
            shown.map(|(kind, it)| (format!("{kind:?}/{}", it.name.folded()), (kind, it))).collect();
        named.sort_by(|left, right| left.0.cmp(&right.0));
        let page = cut(named, input.marker.as_deref(), input.max_items)?;
        let (is_truncated, marker) = (Some(page.is_truncated()), page.marker.clone());
        let (mut policy_users, mut policy_groups, mut policy_roles) = (Vec::new(), Vec::new(), Vec::new());
        for (kind, it) in page.items {
            let (name, id) = (Some(it.name.to_string()), Some(it.id));
            match kind {
                Kind::User => policy_users.push(shapes::PolicyUser { user_name: name, user_id: id }),
                Kind::Group => policy_groups.push(shapes::PolicyGroup { group_name: name, group_id: id }),
                Kind::Role => policy_roles.push(shapes::PolicyRole { role_name: name, role_id: id }),
            }
        }
        Ok(Self::Output {
            policy_users: Some(policy_users),
            policy_groups: Some(policy_groups),
            policy_roles: Some(policy_roles),
            is_truncated,
            marker,
        })
    }
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Group,
    Role,
    User,
}

fn holders<R: Named>(
    snapshot: &Snapshot,
    account: &AccountId,
    index: &'static str,
    arn: &str,
) -> Vec<Identity> {
    snapshot.all_by::<R>(index, &key![account, arn]).map(|it| it.row.identity().clone()).collect()
}
