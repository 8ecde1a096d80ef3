//! ModifyTargetGroupAttributes.
//!
//! Deviation: connections reach targets from the machine's address: `preserve_client_ip.enabled` is `false`, for groups of
//! instances too, and cannot be set. PROXY protocol tells targets who the client is.

use model::elbv2::{Protocol, ProtocolVersion, TargetGroup, attribute};
use store::Txn;
use wire::elbv2 as shapes;

use super::describe_target_group_attributes::attributes as attributes_of;
use crate::access::Access;
use crate::context::OpCtx;
use crate::elbv2::error::Error;
use crate::elbv2::find;
use crate::elbv2::store::TargetGroupRow;
use crate::elbv2::wire::attribute as attribute_wire;
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::ModifyTargetGroupAttributes {
    fn access(_: &OpCtx, input: &Self::Input) -> Access {
        Access::new("elasticloadbalancing:ModifyTargetGroupAttributes", &input.target_group_arn)
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let snapshot = ctx.cloud.store.snapshot();
        let found = find::target_group(&snapshot, &ctx.scope, &input.target_group_arn)?;
        let pairs = input.attributes.into_iter().map(|pair| (pair.key, pair.value));
        let known = attribute::of_target_group(found.protocol);
        let attributes = attribute_wire::set(&found.attributes, known, pairs, "Target group")?;
        let row = TargetGroupRow(TargetGroup { attributes, ..found.row.0.clone() });
        check(&row)?;
        ctx.cloud.store.commit(Txn::new().update(&found, &row)).await.map_err(Error::from)?;
        Ok(Self::Output { attributes: Some(attributes_of(&row)) })
    }
}

/// What must hold among attributes.
fn check(group: &TargetGroup) -> Result<(), Error> {
    let value = |key: &str| group.attribute(key);
    let sticky = value("stickiness.enabled") == "true";
    if sticky && value("stickiness.type") == "app_cookie" {
        let name = value("stickiness.app_cookie.cookie_name");
        if name.is_empty() {
            return Err(Error::unsupported(
                "You must set an application cookie name to enable stickiness of type 'app_cookie'",
            ));
        }
        if name.starts_with("AWSALB") {
            return Err(Error::validation(format!("The cookie name '{name}' is reserved")));
        }
    }
    if sticky && group.protocol == Protocol::Tls {
        return Err(Error::unsupported(
            "You cannot enable stickiness on target groups with the TLS protocol",
        ));
    }
    if sticky
        && group.protocol_version == Some(ProtocolVersion::Grpc)
        && value("stickiness.type") == "app_cookie"
    {
        return Err(Error::unsupported("gRPC clients keep no cookies of applications"));
    }
    let algorithm = value("load_balancing.algorithm.type");
    if group.protocol.is_http() && algorithm != "round_robin" && value("slow_start.duration_seconds") != "0" {
        return Err(Error::unsupported(format!(
            "You cannot enable slow start mode with the load balancing algorithm '{algorithm}'"
        )));
    }
    if group.protocol.is_http() && sticky && value("load_balancing.cross_zone.enabled") == "false" {
        return Err(Error::unsupported(
            "You cannot enable stickiness on target groups with cross-zone load balancing off",
        ));
    }
    Ok(())
}
