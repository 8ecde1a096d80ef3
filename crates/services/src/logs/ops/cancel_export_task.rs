//! CancelExportTask.

use ::store::{Txn, key};
use ::wire::Empty;
use ::wire::logs::{CancelExportTask, CancelExportTaskRequest};
use model::logs::{ExportStatus, ExportTask};

use crate::access::Access;
use crate::context::OpCtx;
use crate::error::ServiceError;
use crate::logs::error::Error;
use crate::logs::store::ExportTaskRow;
use crate::room::Handler;

impl Handler for CancelExportTask {
    fn access(_: &OpCtx, _: &CancelExportTaskRequest) -> Access {
        Access::any("logs:CancelExportTask")
    }

    async fn run(ctx: &OpCtx, input: CancelExportTaskRequest) -> Result<Empty, ServiceError> {
        let snapshot = ctx.cloud.store.snapshot();
        let task = snapshot.get::<ExportTaskRow>(&key![ctx.scope, input.task_id]);
        let task = task.ok_or(Error::ExportNotFound)?;
        match task.status {
            ExportStatus::Pending | ExportStatus::Running => {}
            ExportStatus::PendingCancel
            | ExportStatus::Completed
            | ExportStatus::Cancelled
            | ExportStatus::Failed => {
                let text = format!("The specified export task is {}.", task.status.as_str());
                return Err(Error::InvalidOperation(text).into());
            }
        }
        let cancelled = ExportTask { status: ExportStatus::PendingCancel, ..task.row.0.clone() };
        let txn = Txn::new().update(&task, &ExportTaskRow(cancelled));
        ctx.cloud.store.commit(txn).await.map_err(Error::Store)?;
        ctx.cloud.log_outbound.wish_export();
        Ok(Empty {})
    }
}
