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
        _unknown => return None,
    })
}
