//! What is known of resources by their ARN: tags, and policies of their own. The rooms' doors tell.

use std::collections::BTreeMap;
use std::sync::Arc;

use auth::policy::Document;
use model::Arn;

use super::authorize::Asker;
use crate::{ec2, ecr, ecs, elbv2, iam, logs};

/// The tags of a resource; none for what does not exist or carries none.
pub(super) fn tags(asker: &Asker<'_>, resource: &str) -> BTreeMap<String, String> {
    let Ok(arn) = resource.parse::<Arn>() else { return BTreeMap::new() };
    let found = match arn.service.as_str() {
        "ecs" => ecs::door::tags_of(asker.snapshot, asker.scope, &arn),
        "ecr" => ecr::door::tags_of(asker.snapshot, asker.scope, &arn),
        "ec2" => ec2::tags::of_arn(asker.snapshot, asker.scope, &arn),
        "elasticloadbalancing" => elbv2::door::tags_of(asker.snapshot, asker.scope, &arn),
        "logs" => logs::door::tags_of(asker.snapshot, asker.scope, &arn),
        "iam" => iam::standing::tags_of(asker.snapshot, asker.scope, &arn),
        _other => None,
    };
    found.unwrap_or_default()
}

/// The policies of a resource. A role's is its trust policy, which is asked about nothing but taking it.
pub(super) fn policies(asker: &Asker<'_>, action: &str, resource: &str) -> Vec<Arc<Document>> {
    match resource.parse::<Arn>() {
        Ok(arn) if arn.service == "ecr" => ecr::door::policies_of(asker, &arn),
        Ok(arn) if arn.service == "iam" && action.starts_with("sts:") => {
            let role = iam::trust::role(asker.snapshot, resource);
            role.map(|role| Arc::new(iam::trust::document(&role))).into_iter().collect()
        }
        Ok(_) | Err(_) => Vec::new(),
    }
}
