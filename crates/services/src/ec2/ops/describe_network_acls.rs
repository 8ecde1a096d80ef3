//! DescribeNetworkAcls: each VPC has its default ACL, which lets everything pass.

use wire::ec2 as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::ec2::describe::{page, passes};
use crate::ec2::error::Error;
use crate::ec2::store::{self as tables, SubnetRow, VpcRow};
use crate::ec2::{dry_run, shown};
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::DescribeNetworkAcls {
    fn access(_: &OpCtx, _: &Self::Input) -> Access {
        Access::any("ec2:DescribeNetworkAcls")
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        dry_run(input.dry_run)?;
        super::ensure_default_vpc(ctx).await?;
        let snapshot = ctx.cloud.store.snapshot();
        let subnets = tables::all::<SubnetRow>(&snapshot, &ctx.scope);
        let within = |vpc: &str| -> Vec<String> {
            subnets.iter().filter(|subnet| subnet.vpc_id == vpc).map(|subnet| subnet.id.clone()).collect()
        };
        let vpcs = tables::all::<VpcRow>(&snapshot, &ctx.scope);
        let all: Vec<_> = vpcs
            .iter()
            .map(|vpc| (shown::id_of("acl", vpc), shown::network_acl(vpc, &within(&vpc.id))))
            .collect();
        let named = input.network_acl_ids.unwrap_or_default();
        if let Some(missing) = named.iter().find(|id| !all.iter().any(|(known, _)| known == *id)) {
            return Err(Error::NetworkAclNotFound(missing.clone()).into());
        }
        let mut found = Vec::new();
        for (id, shape) in all {
            let chosen = named.is_empty() || named.contains(&id);
            if chosen && passes(input.filters.as_deref(), &[], &|name| facts(&shape, name))? {
                found.push((id, shape));
            }
        }
        let (network_acls, next_token) = page(found, input.max_results, input.next_token.as_deref())?;
        Ok(Self::Output { network_acls: Some(network_acls), next_token })
    }
}

fn facts(shape: &shapes::NetworkAcl, name: &str) -> Option<Vec<String>> {
    let text = |value: &Option<String>| value.clone().into_iter().collect();
    Some(match name {
        "association.network-acl-id" | "network-acl-id" => text(&shape.network_acl_id),
        "association.association-id" => shape
            .associations
            .iter()
            .flatten()
            .filter_map(|association| association.network_acl_association_id.clone())
            .collect(),
        "association.subnet-id" => {
            shape.associations.iter().flatten().filter_map(|it| it.subnet_id.clone()).collect()
        }
        "default" => vec!["true".into()],
        "owner-id" => text(&shape.owner_id),
        "vpc-id" => text(&shape.vpc_id),
        _unknown => return None,
    })
}
