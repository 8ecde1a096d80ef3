//! DescribeVpcs.

use wire::ec2 as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::ec2::describe::{page, passes};
use crate::ec2::error::Error;
use crate::ec2::{dry_run, store, wire as render};
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::DescribeVpcs {
    fn access(_: &OpCtx, _: &Self::Input) -> Access {
        Access::any("ec2:DescribeVpcs")
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        dry_run(input.dry_run)?;
        super::ensure_default_vpc(ctx).await?;
        let snapshot = ctx.cloud.store.snapshot();
        let all = store::all::<store::VpcRow>(&snapshot, &ctx.scope);
        if let Some(missing) = input.vpc_ids.iter().flatten().find(|id| !all.iter().any(|row| row.id == **id))
        {
            return Err(Error::VpcNotFound(missing.clone()).into());
        }
        let mut found = Vec::new();
        for row in &all {
            let shape = render::vpc(row);
            let named = input.vpc_ids.as_ref().is_none_or(|ids| ids.is_empty() || ids.contains(&row.id));
            let tags = shape.tags.as_deref().unwrap_or_default();
            if named && passes(input.filters.as_deref(), tags, &|name| facts(&shape, name))? {
                found.push((row.id.clone(), shape));
            }
        }
        let (vpcs, next_token) = page(found, input.max_results, input.next_token.as_deref())?;
        Ok(Self::Output { vpcs: Some(vpcs), next_token })
    }
}

fn facts(shape: &shapes::Vpc, name: &str) -> Option<Vec<String>> {
    let text = |value: &Option<String>| value.clone().into_iter().collect();
    Some(match name {
        "cidr" | "cidr-block" | "cidr-block-association.cidr-block" => text(&shape.cidr_block),
        "cidr-block-association.association-id" => {
            associations(shape).filter_map(|it| it.association_id.clone()).collect()
        }
        "cidr-block-association.state" => vec!["associated".into()],
        "is-default" | "isDefault" => vec![(shape.is_default == Some(true)).to_string()],
        "owner-id" => text(&shape.owner_id),
        "state" => text(&shape.state),
        "vpc-id" => text(&shape.vpc_id),
        _unknown => return None,
    })
}

fn associations(shape: &shapes::Vpc) -> impl Iterator<Item = &shapes::VpcCidrBlockAssociation> {
    shape.cidr_block_association_set.iter().flatten()
}
