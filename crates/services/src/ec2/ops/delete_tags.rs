//! DeleteTags: by key, by key and value, or all of them when none is named.

use wire::ec2 as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::ec2::error::Error;
use crate::ec2::{dry_run, tags};
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::DeleteTags {
    fn access(ctx: &OpCtx, input: &Self::Input) -> Access {
        super::on_tagged("ec2:DeleteTags", ctx, &input.resources)
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        dry_run(input.dry_run)?;
        super::ensure_default_vpc(ctx).await?;
        let gone = input.tags.unwrap_or_default();
        // Without a value a tag goes whatever its value is.
        let goes = |key: &str, value: &str| {
            gone.is_empty()
                || gone.iter().any(|tag| {
                    tag.key.as_deref() == Some(key)
                        && tag.value.as_deref().is_none_or(|wanted| wanted == value)
                })
        };
        let snapshot = ctx.cloud.store.snapshot();
        let txn = tags::change(&snapshot, &ctx.scope, &super::distinct(&input.resources), |mut tags| {
            tags.retain(|key, value| !goes(key, value));
            Ok(tags)
        })?;
        ctx.cloud.store.commit(txn).await.map_err(Error::Store)?;
        Ok(Self::Output::default())
    }
}
