//! ListTaskDefinitions: ARNs by family and revision, upwards or downwards.

use std::collections::VecDeque;

use model::ecs::TextEnum;
use model::ecs::task_definition::TaskDefinitionStatus;
use store::{Key, Snapshot, Versioned, key};
use wire::ecs::{ListTaskDefinitions, ListTaskDefinitionsRequest, ListTaskDefinitionsResponse};

use crate::access::Access;
use crate::context::OpCtx;
use crate::ecs::error::Error;
use crate::ecs::rules::paging::Page;
use crate::ecs::store::{BY_STATUS, TaskDefinitionRow};
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for ListTaskDefinitions {
    fn access(_: &OpCtx, _: &ListTaskDefinitionsRequest) -> Access {
        Access::any("ecs:ListTaskDefinitions")
    }

    async fn run(
        ctx: &OpCtx,
        input: ListTaskDefinitionsRequest,
    ) -> Result<ListTaskDefinitionsResponse, ServiceError> {
        let status = match input.status.as_deref() {
            None => TaskDefinitionStatus::Active,
            Some(raw) => TaskDefinitionStatus::parse(raw)
                .ok_or_else(|| Error::InvalidParameter(format!("Invalid status: {raw}")))?,
        };
        // `familyPrefix` is, in spite of its name, a whole family.
        let prefix = match input.family_prefix.as_deref().filter(|family| !family.is_empty()) {
            None => key![ctx.scope, status.as_str()],
            Some(family) => key![ctx.scope, status.as_str(), family],
        };
        let page = Page::read(input.next_token.as_deref(), input.max_results, &prefix)?;
        let snapshot = ctx.cloud.store.snapshot();
        let found = match input.sort.as_deref() {
            None | Some("ASC") => snapshot.page_by(BY_STATUS, &prefix, page.after.as_ref(), page.limit + 1),
            Some(_) => downwards(&snapshot, &prefix, &page),
        };
        let (rows, next_token) =
            page.cut(found, |row: &Versioned<TaskDefinitionRow>| row.position(BY_STATUS, &prefix));
        let arns = rows.iter().map(|row| row.arn().to_string()).collect();
        Ok(ListTaskDefinitionsResponse { task_definition_arns: Some(arns), next_token })
    }
}

/// The last items before the page's position, the last one first. Walks the index, which only goes up.
fn downwards(snapshot: &Snapshot, prefix: &Key, page: &Page) -> Vec<Versioned<TaskDefinitionRow>> {
    let mut last = VecDeque::new();
    for row in snapshot.all_by::<TaskDefinitionRow>(BY_STATUS, prefix) {
        if page.after.is_some() && row.position(BY_STATUS, prefix) >= page.after {
            break;
        }
        if last.len() > page.limit {
            last.pop_front();
        }
        last.push_back(row);
    }
    last.into_iter().rev().collect()
}
