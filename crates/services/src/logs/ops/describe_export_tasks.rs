//! DescribeExportTasks: one, those of a status, or all.

use ::store::{Versioned, key};
use ::wire::logs::{
    DescribeExportTasks, DescribeExportTasksRequest, DescribeExportTasksResponse, ExportTask as Shape,
    ExportTaskExecutionInfo, ExportTaskStatus,
};
use model::logs::ExportTask;

use crate::access::Access;
use crate::context::OpCtx;
use crate::error::ServiceError;
use crate::logs::store::ExportTaskRow;
use crate::logs::{filters, token};
use crate::room::Handler;

impl Handler for DescribeExportTasks {
    fn access(_: &OpCtx, _: &DescribeExportTasksRequest) -> Access {
        Access::any("logs:DescribeExportTasks")
    }

    async fn run(
        ctx: &OpCtx,
        input: DescribeExportTasksRequest,
    ) -> Result<DescribeExportTasksResponse, ServiceError> {
        let snapshot = ctx.cloud.store.snapshot();
        let after = match &input.next_token {
            Some(token) => Some(token::parse_opaque::<1>(token)?),
            None => None,
        };
        let wanted = |task: &Versioned<ExportTaskRow>| {
            input.task_id.as_ref().is_none_or(|id| *id == task.id)
                && input.status_code.as_deref().is_none_or(|status| status == task.status.as_str())
                && after.as_ref().is_none_or(|[after]| task.id > *after)
        };
        let limit = filters::page_size(input.limit);
        let all = snapshot.all::<ExportTaskRow>(&key![ctx.scope]);
        let mut found: Vec<_> = all.filter(wanted).take(limit + 1).collect();
        let more = found.len() > limit;
        found.truncate(limit);
        let next_token = found.last().filter(|_| more).map(|last| token::opaque(&[last.id.as_str()]));
        let shown = found.iter().map(|task| shown(task)).collect();
        Ok(DescribeExportTasksResponse { export_tasks: Some(shown), next_token })
    }
}

fn shown(task: &ExportTask) -> Shape {
    Shape {
        task_id: Some(task.id.clone()),
        task_name: task.name.clone(),
        log_group_name: Some(task.group_name.to_string()),
        from: Some(task.from.as_millis()),
        to: Some(task.to.as_millis()),
        destination: Some(task.bucket.clone()),
        destination_prefix: Some(task.prefix.clone()),
        status: Some(ExportTaskStatus {
            code: Some(task.status.as_str().to_owned()),
            message: Some(task.message.clone()),
        }),
        execution_info: Some(ExportTaskExecutionInfo {
            creation_time: Some(task.created_at.as_millis()),
            completion_time: task.completed_at.map(|at| at.as_millis()),
        }),
    }
}
