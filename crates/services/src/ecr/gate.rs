//! The way from the registry's door to the one authorisation point.

use auth::Principal;
use auth::principal::PrincipalKind;
use model::Arn;
use registry::Caller;

use crate::access::{Access, authorize};

/// Lets a registry request through when the principal of its token may do the same by the API.
#[derive(Clone, Copy, Debug, Default)]
pub struct IamGate;

impl registry::Gate for IamGate {
    fn allows(&self, caller: &Caller, action: &str, resource: &Arn) -> bool {
        let Some(action) = ACTIONS.iter().find(|known| **known == action) else { return false };
        authorize(&principal(caller), &Access::new(action, resource)).is_ok()
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

/// The principal that asked for the token. A token names it by its ARN alone.
fn principal(caller: &Caller) -> Principal {
    let root = Principal::root(caller.scope.account.clone(), "");
    if root.arn == caller.principal {
        return root;
    }
    let kind = match caller.principal.service.as_str() {
        "sts" => PrincipalKind::AssumedRole,
        _user => PrincipalKind::User,
    };
    Principal { arn: caller.principal.clone(), kind, ..root }
}

#[cfg(test)]
mod tests {
    use model::{AccountId, Region, Scope};
    use registry::Gate;

    use super::*;

    #[test]
    fn only_root_passes_while_there_are_no_policies() {
        let scope = Scope::new(AccountId::new("123456789012").unwrap(), Region::new("us-east-2").unwrap());
        let allowed = |arn: &str, action: &str| {
            let caller = Caller { scope: scope.clone(), principal: arn.parse().unwrap() };
            IamGate.allows(&caller, action, &Arn::new("ecr", &scope, "repository/web"))
        };
        assert!(allowed("arn:aws:iam::123456789012:root", "ecr:PutImage"));
        assert!(!allowed("arn:aws:iam::123456789012:user/eve", "ecr:PutImage"));
        assert!(!allowed("arn:aws:iam::999999999999:root", "ecr:PutImage"));
        assert!(!allowed("arn:aws:iam::123456789012:root", "ecr:Unknown"));
    }
}
