//! DescribeSecurityGroups.

use wire::ec2 as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::ec2::describe::{page, passes};
use crate::ec2::error::Error;
use crate::ec2::{dry_run, store, wire as render};
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::DescribeSecurityGroups {
    fn access(_: &OpCtx, _: &Self::Input) -> Access {
        Access::any("ec2:DescribeSecurityGroups")
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        dry_run(input.dry_run)?;
        super::ensure_default_vpc(ctx).await?;
        let snapshot = ctx.cloud.store.snapshot();
        let all = store::all::<store::SecurityGroupRow>(&snapshot, &ctx.scope);
        if let Some(missing) =
            input.group_ids.iter().flatten().find(|id| !all.iter().any(|row| row.id == **id))
        {
            return Err(Error::GroupNotFound(missing.clone()).into());
        }
        let mut found = Vec::new();
        for row in &all {
            let shape = render::security_group(row);
            let named = input.group_ids.as_ref().is_none_or(|ids| ids.is_empty() || ids.contains(&row.id));
            let tags = shape.tags.as_deref().unwrap_or_default();
            if named
                && input
                    .group_names
                    .as_ref()
                    .is_none_or(|names| names.is_empty() || names.contains(&row.name))
                && passes(input.filters.as_deref(), tags, &|name| facts(&shape, name))?
            {
                found.push((row.id.clone(), shape));
            }
        }
        let (security_groups, next_token) = page(found, input.max_results, input.next_token.as_deref())?;
        Ok(Self::Output { security_groups: Some(security_groups), next_token })
    }
}

fn facts(shape: &shapes::SecurityGroup, name: &str) -> Option<Vec<String>> {
    let text = |value: &Option<String>| value.clone().into_iter().collect();
    Some(match name {
        "description" => text(&shape.description),
        "group-id" => text(&shape.group_id),
        "group-name" => text(&shape.group_name),
        "owner-id" => text(&shape.owner_id),
        "vpc-id" => text(&shape.vpc_id),
        _rule => return rule_facts(shape, name),
    })
}

/// Filters by what a group's rules say: `ip-permission.…` and `egress.ip-permission.…`.
fn rule_facts(shape: &shapes::SecurityGroup, name: &str) -> Option<Vec<String>> {
    let (rules, name) = match name.strip_prefix("egress.") {
        Some(rest) => (&shape.ip_permissions_egress, rest),
        None => (&shape.ip_permissions, name),
    };
    let rules = rules.iter().flatten();
    Some(match name.strip_prefix("ip-permission.")? {
        "cidr" => rules
            .flat_map(|rule| rule.ip_ranges.iter().flatten())
            .filter_map(|it| it.cidr_ip.clone())
            .collect(),
        "from-port" => rules.filter_map(|rule| rule.from_port).map(|port| port.to_string()).collect(),
        "group-id" => rules
            .flat_map(|rule| rule.user_id_group_pairs.iter().flatten())
            .filter_map(|pair| pair.group_id.clone())
            .collect(),
        "ipv6-cidr" => rules
            .flat_map(|rule| rule.ipv6_ranges.iter().flatten())
            .filter_map(|it| it.cidr_ipv6.clone())
            .collect(),
        "protocol" => rules.filter_map(|rule| rule.ip_protocol.clone()).collect(),
        "to-port" => rules.filter_map(|rule| rule.to_port).map(|port| port.to_string()).collect(),
        "user-id" => rules
            .flat_map(|rule| rule.user_id_group_pairs.iter().flatten())
            .filter_map(|pair| pair.user_id.clone())
            .collect(),
        _unknown => return None,
    })
}
