//! ListLogGroups: names, ARNs and classes of the groups that pass every filter.
//!
//! No group has field indexes or data sources, so that a filter by them finds nothing. Other accounts
//! are not looked at.

use ::wire::logs::{ListLogGroups, ListLogGroupsRequest, ListLogGroupsResponse, LogGroupSummary, TagFilter};
use model::ecr::matches_wildcard;

use crate::access::Access;
use crate::context::OpCtx;
use crate::error::ServiceError;
use crate::logs::store::GroupRow;
use crate::logs::wire::group_name;
use crate::logs::{store, token};
use crate::room::Handler;

/// The page size when none is asked for.
const LIMIT_DEFAULT: usize = 50;

impl Handler for ListLogGroups {
    fn access(ctx: &OpCtx, _: &ListLogGroupsRequest) -> Access {
        Access::new("logs:ListLogGroups", ctx.arn("logs", "log-group:*"))
    }

    async fn run(ctx: &OpCtx, input: ListLogGroupsRequest) -> Result<ListLogGroupsResponse, ServiceError> {
        let limit = input.limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(LIMIT_DEFAULT);
        let after = match &input.next_token {
            Some(token) => {
                let [name] = token::parse_opaque(token)?;
                Some(group_name(&name)?)
            }
            None => None,
        };
        let snapshot = ctx.cloud.store.snapshot();
        let groups = store::groups(&snapshot, &ctx.scope, "", after.as_ref());
        let mut found: Vec<_> = groups.filter(|group| passes(&input, group)).take(limit + 1).collect();
        let more = found.len() > limit;
        found.truncate(limit);
        let next_token = found.last().filter(|_| more).map(|last| token::opaque(&[last.name.as_str()]));
        let summary = |group: &GroupRow| LogGroupSummary {
            log_group_name: Some(group.name.to_string()),
            log_group_arn: Some(group.arn().to_string()),
            log_group_class: Some(group.class.as_str().to_owned()),
        };
        let log_groups = found.iter().map(|group| summary(group)).collect();
        Ok(ListLogGroupsResponse { log_groups: Some(log_groups), next_token })
    }
}

fn passes(input: &ListLogGroupsRequest, group: &GroupRow) -> bool {
    let has_no_such = input.data_sources.as_ref().is_none_or(Vec::is_empty)
        && input.field_index_names.as_ref().is_none_or(Vec::is_empty);
    let name = input.log_group_name_pattern.as_deref();
    let tags = input.log_group_tags.as_deref().unwrap_or_default();
    has_no_such
        && input.log_group_class.as_deref().is_none_or(|class| class == group.class.as_str())
        && name.is_none_or(|pattern| matches(pattern, group.name.as_str()))
        && tags.iter().all(|filter| is_tagged(group, filter))
}

/// Whether one of the patterns between `|` is in the name, or begins it where it has a `^`.
fn matches(pattern: &str, name: &str) -> bool {
    pattern.split('|').any(|part| match part.strip_prefix('^') {
        Some(prefix) => name.starts_with(prefix),
        None => name.contains(part),
    })
}

/// Whether the group's tag has one of the values; `*` stands for anything, `!` for none of them.
fn is_tagged(group: &GroupRow, filter: &TagFilter) -> bool {
    let Some(value) = group.tags.get(&filter.key) else { return false };
    let values = filter.values.as_deref().unwrap_or_default();
    let fits = |wanted: &String| match wanted.strip_prefix('!') {
        Some(unwanted) => !matches_wildcard(unwanted, value),
        None => matches_wildcard(wanted, value),
    };
    values.is_empty() || values.iter().any(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_prefixes_and_substrings() {
        for (pattern, name, expected) in [
            ("^/aws", "/aws/ecs", true),
            ("^/ecs", "/aws/ecs", false),
            ("ecs", "/aws/ecs", true),
            ("^/x|ecs", "/aws/ecs", true),
            ("ECS", "/aws/ecs", false),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }
}
