//! The way from the registry's door to the one authorisation point.

use std::sync::Arc;

use auth::Principal;
use model::{Arn, Timestamp};
use registry::Caller;
use store::Store;

use crate::access::{Access, Asker, RequestTags, authorize};
use crate::iam::Identities;

/// Lets a registry request through when the principal of its token may do the same by the API.
#[derive(Clone, Debug)]
pub struct IamGate {
    store: Store,
    identities: Arc<Identities>,
}

impl IamGate {
    /// A gate that asks these identities' policies.
    pub fn new(store: Store, identities: Arc<Identities>) -> Self {
        IamGate { store, identities }
    }
}

impl registry::Gate for IamGate {
    fn allows(&self, caller: &Caller, action: &str, resource: &Arn, now: Timestamp) -> bool {
        let Some(action) = ACTIONS.iter().find(|known| **known == action) else { return false };
        let Some(principal) = principal(caller) else { return false };
        let snapshot = self.store.snapshot();
        let asker = Asker {
            identities: &self.identities,
            snapshot: &snapshot,
            principal: &principal,
            scope: &caller.scope,
            now,
            source_ip: None,
            user_agent: None,
        };
        authorize(&asker, &Access::new(action, resource), &RequestTags::default()).is_ok()
    }
}

/// The actions that the distribution protocol's requests amount to.
const ACTIONS: &[&str] = &[
    "ecr:BatchCheckLayerAvailability",
    "ecr:BatchDeleteImage",
    "ecr:BatchGetImage",
    "ecr:BatchImportUpstreamImage",
    "ecr:CompleteLayerUpload",
    "ecr:CreateRepository",
    "ecr:DescribeRepositories",
    "ecr:GetDownloadUrlForLayer",
    "ecr:InitiateLayerUpload",
    "ecr:ListImages",
    "ecr:PutImage",
    "ecr:UploadLayerPart",
];

/// The principal that asked for the token. A token without one is root's, or was made before tokens carried any.
fn principal(caller: &Caller) -> Option<Principal> {
    if let Some(principal) = &caller.identity {
        return Some(principal.clone()).filter(|it| it.account == caller.scope.account);
    }
    let root = Principal::root(caller.scope.account.clone(), "");
    (root.arn == caller.principal).then_some(root)
}

#[cfg(test)]
mod tests {
    use model::{AccountId, Region, Scope};
    use registry::Gate;

    use super::*;
    use crate::testing;

    #[tokio::test]
    async fn who_has_no_policy_does_not_pass() {
        let ctx = testing::ctx().await;
        let gate = IamGate::new(ctx.cloud.store.clone(), ctx.cloud.identities.clone());
        let scope = Scope::new(AccountId::new("123456789012").unwrap(), Region::new("us-east-2").unwrap());
        let allowed = |arn: &str, action: &str| {
            let caller = Caller { scope: scope.clone(), principal: arn.parse().unwrap(), identity: None };
            gate.allows(&caller, action, &Arn::new("ecr", &scope, "repository/web"), ctx.now)
        };
        assert!(allowed("arn:aws:iam::123456789012:root", "ecr:PutImage"));
        assert!(!allowed("arn:aws:iam::123456789012:user/eve", "ecr:PutImage"));
        assert!(!allowed("arn:aws:iam::999999999999:root", "ecr:PutImage"));
        assert!(!allowed("arn:aws:iam::123456789012:root", "ecr:Unknown"));
    }
}
