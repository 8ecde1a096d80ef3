//! DescribeRouteTables: each VPC has its main route table.
//!
//! Deviation: every VPC has a way out through the node, the ones that users make too.

use wire::ec2 as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::ec2::describe::{Fitting, of_each_vpc, page};
use crate::ec2::error::Error;
use crate::ec2::{dry_run, shown};
use crate::error::ServiceError;
use crate::room::Handler;

const FITTING: Fitting<shapes::RouteTable> =
    Fitting { kind: "rtb", render: shown::route_table, facts, missing: Error::RouteTableNotFound };

impl Handler for shapes::DescribeRouteTables {
    fn access(_: &OpCtx, _: &Self::Input) -> Access {
        Access::any("ec2:DescribeRouteTables")
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        dry_run(input.dry_run)?;
        let found = of_each_vpc(ctx, &FITTING, input.route_table_ids, input.filters).await?;
        let (route_tables, next_token) = page(found, input.max_results, input.next_token.as_deref())?;
        Ok(Self::Output { route_tables: Some(route_tables), next_token })
    }
}

fn facts(shape: &shapes::RouteTable, name: &str) -> Option<Vec<String>> {
    let text = |value: &Option<String>| value.clone().into_iter().collect();
    Some(match name {
        "association.main" => vec!["true".into()],
        "association.route-table-association-id" => shape
            .associations
            .iter()
            .flatten()
            .filter_map(|association| association.route_table_association_id.clone())
            .collect(),
        "association.route-table-id" | "route-table-id" => text(&shape.route_table_id),
        // The main table is associated with no subnet by name.
        "association.subnet-id" | "association.gateway-id" => Vec::new(),
        "owner-id" => text(&shape.owner_id),
        "route.destination-cidr-block" => {
            shape.routes.iter().flatten().filter_map(|route| route.destination_cidr_block.clone()).collect()
        }
        "route.gateway-id" => {
            shape.routes.iter().flatten().filter_map(|route| route.gateway_id.clone()).collect()
        }
        "vpc-id" => text(&shape.vpc_id),
        _unknown => return None,
    })
}
