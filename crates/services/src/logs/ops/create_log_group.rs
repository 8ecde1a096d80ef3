//! CreateLogGroup.
//!
//! Deviation: a KMS key is refused, because there is none; so is the class ESSENTIALS. A group of class
//! INFREQUENT_ACCESS can be read by GetLogEvents and FilterLogEvents, as there is no Insights to read it by.

use ::wire::Empty;
use ::wire::logs::{CreateLogGroup, CreateLogGroupRequest};
use model::logs::{LogGroupClass, RetentionDays};

use crate::access::Access;
use crate::context::OpCtx;
use crate::error::ServiceError;
use crate::logs::error::Error;
use crate::logs::wire::{access_arn, group_name};
use crate::logs::{door, store, tags};
use crate::room::Handler;

impl Handler for CreateLogGroup {
    fn access(ctx: &OpCtx, input: &CreateLogGroupRequest) -> Access {
        Access::new("logs:CreateLogGroup", access_arn(&ctx.scope, Some(&input.log_group_name), None))
    }

    async fn run(ctx: &OpCtx, input: CreateLogGroupRequest) -> Result<Empty, ServiceError> {
        let name = group_name(&input.log_group_name)?;
        if name.as_str().get(..4).is_some_and(|start| start.eq_ignore_ascii_case("aws/")) {
            return Err(Error::parameter("Log groups starting with AWS/ are reserved for AWS.").into());
        }
        let given = input.tags.unwrap_or_default();
        tags::check(&given)?;
        if input.kms_key_id.is_some() {
            return Err(Error::parameter(format!(
                "The specified KMS Key Id does not exist or is not allowed to be used with Arn '{}'",
                name.arn(&ctx.scope)
            ))
            .into());
        }
        let class = match input.log_group_class.as_deref() {
            None | Some("STANDARD") => LogGroupClass::Standard,
            Some("INFREQUENT_ACCESS") => LogGroupClass::InfrequentAccess,
            Some("DELIVERY") => LogGroupClass::Delivery,
            Some(other) => {
                return Err(Error::parameter(format!("The log group class {other} is not supported.")).into());
            }
        };
        if store::group(&ctx.cloud.store.snapshot(), &ctx.scope, &name).is_ok() {
            return Err(Error::GroupExists.into());
        }
        let mut group = door::new_group(&ctx.scope, name, ctx.now, &ctx.ids);
        group.class = class;
        group.retention = (class == LogGroupClass::Delivery).then_some(RetentionDays::ONE);
        group.tags = given;
        group.deletion_protection = input.deletion_protection_enabled.unwrap_or(false);
        store::insert_group(&ctx.cloud.store, group).await?;
        Ok(Empty {})
    }
}
