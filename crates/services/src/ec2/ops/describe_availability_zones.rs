//! DescribeAvailabilityZones: three zones in every region.

use wire::ec2 as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::ec2::default_vpc::ZONES;
use crate::ec2::describe::passes;
use crate::ec2::error::Error;
use crate::ec2::{dry_run, wire as render};
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::DescribeAvailabilityZones {
    fn access(_: &OpCtx, _: &Self::Input) -> Access {
        Access::any("ec2:DescribeAvailabilityZones")
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        dry_run(input.dry_run)?;
        let all: Vec<_> = ZONES.iter().map(|letter| zone(ctx, *letter)).collect();
        let has = |wanted: &String, field: fn(&shapes::AvailabilityZone) -> &Option<String>| {
            all.iter().any(|zone| field(zone).as_ref() == Some(wanted))
        };
        let unknown = (input.zone_names.iter().flatten().find(|name| !has(name, |zone| &zone.zone_name)))
            .or_else(|| input.zone_ids.iter().flatten().find(|id| !has(id, |zone| &zone.zone_id)));
        if let Some(unknown) = unknown {
            return Err(Error::UnknownZone(unknown.clone()).into());
        }
        let mut zones = Vec::new();
        for shape in all {
            let chosen =
                within(&input.zone_names, &shape.zone_name) && within(&input.zone_ids, &shape.zone_id);
            if chosen && passes(input.filters.as_deref(), &[], &|name| facts(&shape, name))? {
                zones.push(shape);
            }
        }
        Ok(Self::Output { availability_zones: Some(zones) })
    }
}

fn within(wanted: &Option<Vec<String>>, value: &Option<String>) -> bool {
    wanted
        .as_ref()
        .is_none_or(|all| all.is_empty() || value.as_ref().is_some_and(|value| all.contains(value)))
}

fn zone(ctx: &OpCtx, letter: char) -> shapes::AvailabilityZone {
    let region = ctx.scope.region.to_string();
    let name = format!("{region}{letter}");
    shapes::AvailabilityZone {
        opt_in_status: Some("opt-in-not-required".into()),
        messages: Some(Vec::new()),
        zone_id: Some(render::zone_id(&ctx.scope, &name)),
        group_name: Some(region.clone()),
        network_border_group: Some(region.clone()),
        region_name: Some(region),
        zone_name: Some(name),
        zone_type: Some("availability-zone".into()),
        state: Some("available".into()),
        ..shapes::AvailabilityZone::default()
    }
}

fn facts(shape: &shapes::AvailabilityZone, name: &str) -> Option<Vec<String>> {
    let text = |value: &Option<String>| value.clone().into_iter().collect();
    Some(match name {
        "group-name" => text(&shape.group_name),
        "opt-in-status" => text(&shape.opt_in_status),
        "region-name" => text(&shape.region_name),
        "state" => text(&shape.state),
        "zone-id" => text(&shape.zone_id),
        "zone-name" => text(&shape.zone_name),
        "zone-type" => text(&shape.zone_type),
        _unknown => return None,
    })
}
