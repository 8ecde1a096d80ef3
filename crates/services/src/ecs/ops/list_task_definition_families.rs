//! ListTaskDefinitionFamilies: families by name, with or without active revisions.

use model::ecs::TextEnum;
use model::ecs::task_definition::TaskDefinitionStatus;
use store::{Key, Row, Snapshot, Versioned, key};
use wire::ecs as shape;
use wire::ecs::ListTaskDefinitionFamilies;

use crate::access::Access;
use crate::context::OpCtx;
use crate::ecs::rules::paging::Page;
use crate::ecs::store::{BY_STATUS, FamilyRow, TaskDefinitionRow};
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for ListTaskDefinitionFamilies {
    fn access(_: &OpCtx, _: &shape::ListTaskDefinitionFamiliesRequest) -> Access {
        Access::any("ecs:ListTaskDefinitionFamilies")
    }

    async fn run(
        ctx: &OpCtx,
        input: shape::ListTaskDefinitionFamiliesRequest,
    ) -> Result<shape::ListTaskDefinitionFamiliesResponse, ServiceError> {
        let scope = key![ctx.scope];
        let prefix = match input.family_prefix.as_deref().filter(|prefix| !prefix.is_empty()) {
            None => scope,
            Some(text) => scope.text_prefix(text),
        };
        let page = Page::read(input.next_token.as_deref(), input.max_results, &prefix)?;
        let snapshot = ctx.cloud.store.snapshot();
        let status = input.status.as_deref().unwrap_or("ALL");
        let keep = |family: &Versioned<FamilyRow>| {
            let has = |status: TaskDefinitionStatus| has_revision(&snapshot, family, status);
            match status {
                "ACTIVE" => has(TaskDefinitionStatus::Active),
                "INACTIVE" => !has(TaskDefinitionStatus::Active) && has(TaskDefinitionStatus::Inactive),
                _ => has(TaskDefinitionStatus::Active) || has(TaskDefinitionStatus::Inactive),
            }
        };
        let position = |family: &Versioned<FamilyRow>| Some(family.row.key());
        let load = |after: Option<&Key>, limit| snapshot.page::<FamilyRow>(&prefix, after, limit);
        let (families, next_token) = page.cut(page.fill(load, position, keep), position);
        let names = families.iter().map(|family| family.family.to_string()).collect();
        Ok(shape::ListTaskDefinitionFamiliesResponse { families: Some(names), next_token })
    }
}

fn has_revision(snapshot: &Snapshot, family: &FamilyRow, status: TaskDefinitionStatus) -> bool {
    let prefix = key![family.scope, status.as_str(), family.family.as_str()];
    !snapshot.page_by::<TaskDefinitionRow>(BY_STATUS, &prefix, None, 1).is_empty()
}
