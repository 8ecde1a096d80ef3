//! DescribeNetworkInterfaces.

use wire::ec2 as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::ec2::describe::{page, passes};
use crate::ec2::error::Error;
use crate::ec2::{dry_run, store, wire as render};
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::DescribeNetworkInterfaces {
    fn access(_: &OpCtx, _: &Self::Input) -> Access {
        Access::any("ec2:DescribeNetworkInterfaces")
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        dry_run(input.dry_run)?;
        super::ensure_default_vpc(ctx).await?;
        let snapshot = ctx.cloud.store.snapshot();
        let all = store::all::<store::InterfaceRow>(&snapshot, &ctx.scope);
        if let Some(missing) =
            input.network_interface_ids.iter().flatten().find(|id| !all.iter().any(|row| row.id == **id))
        {
            return Err(Error::InterfaceNotFound(missing.clone()).into());
        }
        let groups = store::all::<store::SecurityGroupRow>(&snapshot, &ctx.scope);
        let mut found = Vec::new();
        for row in &all {
            let shape = render::network_interface(row, |id| {
                groups.iter().find(|group| group.id == id).map(|group| group.name.clone())
            });
            let named = input
                .network_interface_ids
                .as_ref()
                .is_none_or(|ids| ids.is_empty() || ids.contains(&row.id));
            let tags = shape.tag_set.as_deref().unwrap_or_default();
            if named && passes(input.filters.as_deref(), tags, &|name| facts(&shape, name))? {
                found.push((row.id.clone(), shape));
            }
        }
        let (network_interfaces, next_token) = page(found, input.max_results, input.next_token.as_deref())?;
        Ok(Self::Output { network_interfaces: Some(network_interfaces), next_token })
    }
}

fn facts(shape: &shapes::NetworkInterface, name: &str) -> Option<Vec<String>> {
    let text = |value: &Option<String>| value.clone().into_iter().collect();
    let attachment = shape.attachment.clone().unwrap_or_default();
    Some(match name {
        "addresses.primary" => vec!["true".into()],
        "addresses.private-ip-address" | "private-ip-address" => text(&shape.private_ip_address),
        "availability-zone" => text(&shape.availability_zone),
        "description" => text(&shape.description),
        "group-id" => shape.groups.iter().flatten().filter_map(|g| g.group_id.clone()).collect(),
        "group-name" => shape.groups.iter().flatten().filter_map(|g| g.group_name.clone()).collect(),
        "attachment.attachment-id" => text(&attachment.attachment_id),
        "attachment.instance-owner-id" => text(&attachment.instance_owner_id),
        "attachment.status" => text(&attachment.status),
        // None is an instance's.
        "attachment.instance-id" => Vec::new(),
        "association.public-ip" | "association.public-dns-name" => Vec::new(),
        "requester-id" => text(&shape.requester_id),
        "requester-managed" => vec!["true".into()],
        "source-dest-check" => vec!["true".into()],
        "interface-type" => text(&shape.interface_type),
        "mac-address" => text(&shape.mac_address),
        "network-interface-id" => text(&shape.network_interface_id),
        "owner-id" => text(&shape.owner_id),
        "private-dns-name" => text(&shape.private_dns_name),
        "status" => text(&shape.status),
        "subnet-id" => text(&shape.subnet_id),
        "vpc-id" => text(&shape.vpc_id),
        _unknown => return None,
    })
}
