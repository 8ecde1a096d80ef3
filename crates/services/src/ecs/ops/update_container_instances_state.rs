//! UpdateContainerInstancesState: takes container instances out of placement, or back into it.
//!
//! Draining keeps what runs: tasks of services are replaced by their services, others end by themselves.

use model::ecs::TextEnum;
use model::ecs::container_instance::ContainerInstanceStatus;
use store::Txn;
use wire::ecs as shape;

use crate::access::Access;
use crate::context::OpCtx;
use crate::ecs::error::Error;
use crate::ecs::instances;
use crate::ecs::ops::{cluster_resource, instance_resource, missing};
use crate::ecs::rules::identifier;
use crate::ecs::store::{ContainerInstanceRow, active_cluster};
use crate::ecs::wire::instance::{Include, write_instance};
use crate::error::ServiceError;
use crate::room::Handler;

/// The most container instances of one request.
const MAX_INSTANCES: usize = 10;

impl Handler for shape::UpdateContainerInstancesState {
    fn access(ctx: &OpCtx, input: &shape::UpdateContainerInstancesStateRequest) -> Access {
        let cluster = input.cluster.as_deref();
        let instances = input.container_instances.iter().map(|raw| instance_resource(ctx, cluster, raw));
        Access::each("ecs:UpdateContainerInstancesState", instances)
            .with("ecs:cluster", cluster_resource(ctx, cluster))
    }

    async fn run(
        ctx: &OpCtx,
        input: shape::UpdateContainerInstancesStateRequest,
    ) -> Result<shape::UpdateContainerInstancesStateResponse, ServiceError> {
        let status = ContainerInstanceStatus::parse(&input.status)
            .filter(|status| *status != ContainerInstanceStatus::Inactive)
            .ok_or_else(|| {
                Error::InvalidParameter(
                    "Container instance status should be one of [ACTIVE,DRAINING].".into(),
                )
            })?;
        let named = input.container_instances;
        if named.is_empty() || named.len() > MAX_INSTANCES {
            let text = if named.is_empty() { "empty" } else { "more than 10" };
            return Err(Error::InvalidParameter(format!("Container instances cannot be {text}.")).into());
        }
        let name = identifier::cluster(input.cluster.as_deref(), &ctx.scope)?;
        // A placement that looked before must not commit after.
        let _turn = ctx.cloud.placing.lock().await;
        let snapshot = ctx.cloud.store.snapshot();
        active_cluster(&snapshot, &ctx.scope, &name)?;
        let (mut txn, mut ids, mut failures) = (Txn::new(), Vec::new(), Vec::new());
        for raw in named {
            let id = identifier::container_instance(&raw, &ctx.scope, &name)?;
            let found = id.and_then(|id| instances::find(&snapshot, &ctx.scope, &name, &id));
            let Some(found) = found else {
                failures.push(missing(raw));
                continue;
            };
            if ids.contains(&found.row.id) {
                continue;
            }
            ids.push(found.row.id.clone());
            if found.row.status != status {
                let mut next = ContainerInstanceRow::clone(&found.row.row);
                (next.0.status, next.0.version) = (status, next.0.version + 1);
                txn = txn.update(&found.row, &next);
            }
        }
        if !txn.is_read_only() {
            ctx.cloud.store.commit(txn).await.map_err(Error::from)?;
        }
        let snapshot = ctx.cloud.store.snapshot();
        let changed = ids.iter().filter_map(|id| instances::find(&snapshot, &ctx.scope, &name, id));
        let changed = changed.map(|member| write_instance(&snapshot, &member, Include::default())).collect();
        Ok(shape::UpdateContainerInstancesStateResponse {
            container_instances: Some(changed),
            failures: Some(failures),
        })
    }
}
