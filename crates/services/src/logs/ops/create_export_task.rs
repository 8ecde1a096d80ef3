//! CreateExportTask: a range of a group's events is written out (see `logs::export`).
//!
//! Deviation: the bucket is a folder of Longshore's own blob store, and `longshore files get` reads what is
//! in it; it need not be made before.

use ::store::{BlobName, Txn, key};
use ::wire::logs::{CreateExportTask, CreateExportTaskRequest, CreateExportTaskResponse};
use model::Timestamp;
use model::logs::{ExportStatus, ExportTask};

use crate::access::Access;
use crate::context::OpCtx;
use crate::error::ServiceError;
use crate::logs::classes::{self, Feature};
use crate::logs::error::Error;
use crate::logs::store::ExportTaskRow;
use crate::logs::wire::{access_arn, group_name};
use crate::logs::{filters, store};
use crate::room::Handler;

/// What keys begin with when nothing is asked for.
const PREFIX_DEFAULT: &str = "exportedlogs";
/// The longest prefix: task, stream and file come behind it.
const PREFIX_MAX: usize = 200;

impl Handler for CreateExportTask {
    fn access(ctx: &OpCtx, input: &CreateExportTaskRequest) -> Access {
        let group = access_arn(&ctx.scope, Some(&input.log_group_name), None);
        let prefix = input.destination_prefix.as_deref().unwrap_or(PREFIX_DEFAULT).trim_matches('/');
        let files = format!("arn:aws:s3:::{}/{prefix}/*", input.destination);
        Access::new("logs:CreateExportTask", group).besides(Access::new("s3:PutObject", files))
    }

    async fn run(
        ctx: &OpCtx,
        input: CreateExportTaskRequest,
    ) -> Result<CreateExportTaskResponse, ServiceError> {
        let snapshot = ctx.cloud.store.snapshot();
        let group = store::group(&snapshot, &ctx.scope, &group_name(&input.log_group_name)?)?;
        classes::allow(&group, Feature::Export)?;
        if input.from > input.to {
            return Err(Error::parameter("The 'from' time must not be later than the 'to' time.").into());
        }
        if input.to < group.created_at.as_millis() {
            return Err(
                Error::parameter("The 'to' time is earlier than the creation of the log group.").into()
            );
        }
        let prefix = prefix(input.destination_prefix.as_deref())?;
        check_bucket(&input.destination)?;
        if snapshot.all::<ExportTaskRow>(&key![ctx.scope]).any(|task| task.status.is_active()) {
            return Err(filters::limit().into());
        }
        let task = ExportTask {
            scope: ctx.scope.clone(),
            id: ctx.ids.uuid(),
            name: input.task_name,
            group: group.id,
            group_name: group.name.clone(),
            stream_prefix: input.log_stream_name_prefix,
            from: Timestamp::from_millis(input.from),
            to: Timestamp::from_millis(input.to),
            bucket: input.destination,
            prefix,
            status: ExportStatus::Pending,
            message: "Pending".to_owned(),
            created_at: ctx.now,
            completed_at: None,
        };
        let id = task.id.clone();
        let txn = Txn::new().expect(&group).insert(&ExportTaskRow(task));
        ctx.cloud.store.commit(txn).await.map_err(Error::Store)?;
        ctx.cloud.log_outbound.wish_export();
        Ok(CreateExportTaskResponse { task_id: Some(id) })
    }
}

fn prefix(asked: Option<&str>) -> Result<String, Error> {
    let prefix = asked.map(|prefix| prefix.trim_matches('/')).filter(|prefix| !prefix.is_empty());
    let prefix = prefix.unwrap_or(PREFIX_DEFAULT);
    if prefix.len() > PREFIX_MAX || BlobName::new(prefix).is_err() {
        return Err(Error::parameter(format!("The destination prefix '{prefix}' is invalid.")));
    }
    Ok(prefix.to_owned())
}

/// The names that S3 gives buckets.
fn check_bucket(name: &str) -> Result<(), Error> {
    let is_inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.';
    let is_end = |b: Option<&u8>| b.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    let bytes = name.as_bytes();
    let fits = (3..=63).contains(&bytes.len()) && is_end(bytes.first()) && is_end(bytes.last());
    if fits && bytes.iter().copied().all(is_inner) {
        return Ok(());
    }
    Err(Error::parameter(format!("The specified bucket '{name}' is not valid.")))
}
