//! DescribeSecurityGroupRules: one row a rule, over all groups.

use wire::ec2 as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::ec2::describe::{page, passes};
use crate::ec2::error::Error;
use crate::ec2::store::{self as tables, SecurityGroupRow};
use crate::ec2::{dry_run, wire as render};
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::DescribeSecurityGroupRules {
    fn access(_: &OpCtx, _: &Self::Input) -> Access {
        Access::any("ec2:DescribeSecurityGroupRules")
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        dry_run(input.dry_run)?;
        super::ensure_default_vpc(ctx).await?;
        let snapshot = ctx.cloud.store.snapshot();
        let groups = tables::all::<SecurityGroupRow>(&snapshot, &ctx.scope);
        let all = groups.iter().flat_map(|group| group.rules.iter().map(move |rule| (group, rule)));
        let mut all: Vec<_> =
            all.map(|(group, rule)| (rule.id.clone(), render::security_group_rule(group, rule))).collect();
        all.sort_by(|(one, _), (other, _)| one.cmp(other));
        let named = input.security_group_rule_ids.unwrap_or_default();
        if let Some(missing) = named.iter().find(|id| !all.iter().any(|(known, _)| known == *id)) {
            return Err(Error::RuleIdNotFound(missing.clone()).into());
        }
        let mut found = Vec::new();
        for (id, shape) in all {
            let chosen = named.is_empty() || named.contains(&id);
            let tags = shape.tags.as_deref().unwrap_or_default();
            if chosen && passes(input.filters.as_deref(), tags, &|name| facts(&shape, name))? {
                found.push((id, shape));
            }
        }
        let (rules, next_token) = page(found, input.max_results, input.next_token.as_deref())?;
        Ok(Self::Output { security_group_rules: Some(rules), next_token })
    }
}

fn facts(shape: &shapes::SecurityGroupRule, name: &str) -> Option<Vec<String>> {
    let text = |value: &Option<String>| value.clone().into_iter().collect();
    Some(match name {
        "group-id" => text(&shape.group_id),
        "security-group-rule-id" => text(&shape.security_group_rule_id),
        _unknown => return None,
    })
}
