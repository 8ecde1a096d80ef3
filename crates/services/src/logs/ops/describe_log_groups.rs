//! DescribeLogGroups.
//!
//! Deviation: other accounts are not looked at, so `includeLinkedAccounts` changes nothing.

use std::sync::Arc;

use ::wire::logs::{
    DescribeLogGroups, DescribeLogGroupsRequest, DescribeLogGroupsResponse, LogGroup as Shape,
};

use crate::access::Access;
use crate::context::OpCtx;
use crate::error::ServiceError;
use crate::logs::error::Error;
use crate::logs::store::{GroupRow, MetricFilterRow};
use crate::logs::wire::{self, group_name, identified};
use crate::logs::{filters, store, token};
use crate::room::Handler;

/// The page size when none is asked for.
const LIMIT_DEFAULT: usize = 50;

impl Handler for DescribeLogGroups {
    fn access(ctx: &OpCtx, _: &DescribeLogGroupsRequest) -> Access {
        Access::new("logs:DescribeLogGroups", ctx.arn("logs", "log-group:*"))
    }

    async fn run(
        ctx: &OpCtx,
        input: DescribeLogGroupsRequest,
    ) -> Result<DescribeLogGroupsResponse, ServiceError> {
        let limit = input.limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(LIMIT_DEFAULT);
        let mut found = wanted(ctx, &input, limit + 1)?;
        let more = found.len() > limit;
        found.truncate(limit);
        let next_token = found.last().filter(|_| more).map(|last| token::opaque(&[last.name.as_str()]));
        let snapshot = ctx.cloud.store.snapshot();
        let shown = |group: &Arc<GroupRow>| {
            let filters = filters::of_group::<MetricFilterRow>(&snapshot, group.id).count();
            wire::group(group, ctx.cloud.logs.stored_bytes(group.id), filters)
        };
        let mut groups: Vec<Shape> = found.iter().map(shown).collect();
        if input.log_group_name_pattern.is_some() {
            groups = groups.into_iter().map(in_short).collect();
        }
        Ok(DescribeLogGroupsResponse { log_groups: Some(groups), next_token })
    }
}

/// What the service tells of groups that were looked for by a pattern.
fn in_short(group: Shape) -> Shape {
    Shape {
        log_group_name: group.log_group_name,
        creation_time: group.creation_time,
        arn: group.arn,
        ..Default::default()
    }
}

/// The groups asked for, in the order of names.
fn wanted(ctx: &OpCtx, input: &DescribeLogGroupsRequest, limit: usize) -> Result<Vec<Arc<GroupRow>>, Error> {
    let (prefix, pattern) = (input.log_group_name_prefix.as_deref(), input.log_group_name_pattern.as_deref());
    if prefix.is_some() && pattern.is_some() {
        return Err(Error::parameter(
            "LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.",
        ));
    }
    let after = match &input.next_token {
        Some(token) => {
            let [name] = token::parse_opaque(token)?;
            Some(group_name(&name)?)
        }
        None => None,
    };
    let snapshot = ctx.cloud.store.snapshot();
    let class = input.log_group_class.as_deref();
    let accepted = |group: &Arc<GroupRow>| {
        pattern.is_none_or(|pattern| group.name.as_str().contains(pattern))
            && class.is_none_or(|class| group.class.as_str() == class)
    };
    if let Some(identifiers) = &input.log_group_identifiers {
        if prefix.is_some() || pattern.is_some() || class.is_some() {
            return Err(Error::parameter("logGroupIdentifiers cannot be combined with other filters."));
        }
        let mut names =
            identifiers.iter().map(|raw| identified(&ctx.scope, raw)).collect::<Result<Vec<_>, _>>()?;
        names.sort();
        names.dedup();
        names.retain(|name| after.as_ref().is_none_or(|after| name > after));
        let rows = names.iter().filter_map(|name| store::group(&snapshot, &ctx.scope, name).ok());
        return Ok(rows.map(|row| row.row).take(limit).collect());
    }
    let groups = store::groups(&snapshot, &ctx.scope, prefix.unwrap_or_default(), after.as_ref());
    Ok(groups.filter(accepted).take(limit).collect())
}
