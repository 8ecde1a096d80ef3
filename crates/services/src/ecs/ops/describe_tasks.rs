//! DescribeTasks: tasks of one cluster, by id or ARN.

use std::collections::BTreeSet;

use store::key;
use wire::ecs::{DescribeTasks, DescribeTasksRequest, DescribeTasksResponse};

use crate::access::Access;
use crate::context::OpCtx;
use crate::ecs::authorization::task_resource;
use crate::ecs::error::Error;
use crate::ecs::ops::{cluster_resource, missing};
use crate::ecs::rules::identifier;
use crate::ecs::store::{TaskRow, active_cluster};
use crate::ecs::wire::task::write_task;
use crate::error::ServiceError;
use crate::room::Handler;

/// The most tasks of one request.
const MAX_TASKS: usize = 100;

impl Handler for DescribeTasks {
    fn access(ctx: &OpCtx, input: &DescribeTasksRequest) -> Access {
        let cluster = input.cluster.as_deref();
        let tasks = input.tasks.iter().map(|raw| task_resource(ctx, cluster, raw));
        Access::each("ecs:DescribeTasks", tasks).with("ecs:cluster", cluster_resource(ctx, cluster))
    }

    async fn run(ctx: &OpCtx, input: DescribeTasksRequest) -> Result<DescribeTasksResponse, ServiceError> {
        if input.tasks.is_empty() {
            return Err(Error::InvalidParameter("Tasks cannot be empty.".into()).into());
        }
        if input.tasks.len() > MAX_TASKS {
            return Err(Error::InvalidParameter("Tasks cannot be more than 100.".into()).into());
        }
        let snapshot = ctx.cloud.store.snapshot();
        let name = identifier::cluster(input.cluster.as_deref(), &ctx.scope)?;
        let cluster = active_cluster(&snapshot, &ctx.scope, &name)?;
        let with_tags = input.include.iter().flatten().any(|field| field == "TAGS");
        let (mut tasks, mut failures, mut seen) = (Vec::new(), Vec::new(), BTreeSet::new());
        for raw in input.tasks {
            let id = identifier::task(&raw, &ctx.scope, &cluster.name)?;
            let Some(id) = id else {
                failures.push(missing(raw));
                continue;
            };
            if !seen.insert(id.clone()) {
                continue;
            }
            match snapshot.get::<TaskRow>(&key![ctx.scope, cluster.name.as_str(), id.as_str()]) {
                Some(task) => tasks.push(write_task(&task, with_tags)),
                None => failures.push(missing(id.arn(&ctx.scope, &cluster.name))),
            }
        }
        Ok(DescribeTasksResponse { tasks: Some(tasks), failures: Some(failures) })
    }
}
