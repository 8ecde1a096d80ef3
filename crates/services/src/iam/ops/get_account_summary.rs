//! GetAccountSummary: what the account has, and how much it may have.

use std::collections::BTreeMap;
use store::key;
use wire::iam as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::error::ServiceError;
use crate::iam::holder::Named;
use crate::iam::store::{CertificateRow, GroupRow, PolicyRow, ProfileRow, RoleRow, UserRow};
use crate::room::Handler;

impl Handler for shapes::GetAccountSummary {
    fn access(_: &OpCtx, _: &Self::Input) -> Access {
        Access::any("iam:GetAccountSummary")
    }

    async fn run(ctx: &OpCtx, _: Self::Input) -> Result<Self::Output, ServiceError> {
        let snapshot = ctx.cloud.store.snapshot();
        let account = key![ctx.scope.account];
        let versions = snapshot.all::<PolicyRow>(&account).map(|policy| policy.versions.len()).sum::<usize>();
        let facts: [(&str, usize); 24] = [
            ("Users", snapshot.count::<UserRow>(&account)),
            ("UsersQuota", UserRow::QUOTA.1),
            ("Groups", snapshot.count::<GroupRow>(&account)),
            ("GroupsQuota", GroupRow::QUOTA.1),
            ("Roles", snapshot.count::<RoleRow>(&account)),
            ("RolesQuota", RoleRow::QUOTA.1),
            ("Policies", snapshot.count::<PolicyRow>(&account)),
            ("PoliciesQuota", PolicyRow::QUOTA.1),
            ("PolicyVersionsInUse", versions),
            ("PolicyVersionsInUseQuota", 10_000),
            ("InstanceProfiles", snapshot.count::<ProfileRow>(&account)),
            ("InstanceProfilesQuota", ProfileRow::QUOTA.1),
            ("ServerCertificates", snapshot.count::<CertificateRow>(&account)),
            ("ServerCertificatesQuota", 20),
            ("AccessKeysPerUserQuota", 2),
            ("AttachedPoliciesPerUserQuota", 10),
            ("AttachedPoliciesPerGroupQuota", 10),
            ("AttachedPoliciesPerRoleQuota", 10),
            ("GroupsPerUserQuota", 10),
            ("UserPolicySizeQuota", 2048),
            ("GroupPolicySizeQuota", 5120),
            ("PolicySizeQuota", 6144),
            ("VersionsPerPolicyQuota", 5),
            ("AccountAccessKeysPresent", 1),
        ];
        let whole = |count: usize| i32::try_from(count).unwrap_or(i32::MAX);
        let map = facts.into_iter().map(|(name, count)| (name.to_owned(), whole(count)));
        Ok(Self::Output { summary_map: Some(map.collect::<BTreeMap<_, _>>()) })
    }
}
