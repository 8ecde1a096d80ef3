//! Target groups.

use std::collections::BTreeMap;

use model::elbv2::{
    Attributes, Digits, LoadBalancerId, Protocol, ProtocolVersion, TargetGroup, TargetGroupId, TargetType,
};
use model::{IdSource, Scope, Timestamp};
use wire::elbv2 as shapes;

use super::health_check::{self, Asked};
use super::{number, word};
use crate::elbv2::error::Error;
use crate::elbv2::rules::{name, tag};

/// Reads the target group that a request wants.
pub(in crate::elbv2) fn read(
    input: shapes::CreateTargetGroupInput,
    scope: &Scope,
    now: Timestamp,
    ids: &mut dyn IdSource,
) -> Result<TargetGroup, Error> {
    let name = name::target_group(&input.name)?;
    let target_type = match input.target_type.as_deref() {
        None => TargetType::Instance,
        Some(raw) => word(raw, "target type")?,
    };
    let missing = |what: &str| Error::validation(format!("A {what} must be specified"));
    let protocol: Protocol = word(input.protocol.as_deref().ok_or_else(|| missing("protocol"))?, "protocol")?;
    let port = number(input.port.ok_or_else(|| missing("port"))?, "port")?;
    let vpc_id = input.vpc_id.clone().ok_or_else(|| missing("VPC ID"))?;
    let protocol_version = match (protocol.is_http(), input.protocol_version.as_deref()) {
        (true, raw) => Some(raw.map_or(Ok(ProtocolVersion::Http1), version)?),
        (false, None) => None,
        (false, Some(_)) => {
            return Err(Error::validation(format!(
                "Protocol version cannot be specified for target groups with the protocol '{protocol}'"
            )));
        }
    };
    if input.ip_address_type.as_deref().is_some_and(|kind| kind != "ipv4") {
        return Err(Error::unsupported("The IP address type of a target group must be 'ipv4'"));
    }
    if input.target_control_port.is_some() {
        return Err(Error::unsupported("Target control ports are not supported"));
    }
    let asked = Asked {
        enabled: input.health_check_enabled,
        protocol: input.health_check_protocol,
        port: input.health_check_port,
        path: input.health_check_path,
        interval: input.health_check_interval_seconds,
        timeout: input.health_check_timeout_seconds,
        healthy: input.healthy_threshold_count,
        unhealthy: input.unhealthy_threshold_count,
        matcher: input.matcher,
    };
    Ok(TargetGroup {
        scope: scope.clone(),
        id: TargetGroupId { name, digits: Digits::draw(ids) },
        protocol,
        protocol_version,
        port,
        vpc_id,
        target_type,
        health_check: health_check::read(&asked, None, protocol, protocol_version)?,
        attributes: Attributes::default(),
        tags: tag::read(input.tags)?,
        created_at: now,
    })
}

fn version(raw: &str) -> Result<ProtocolVersion, Error> {
    word(&raw.to_uppercase(), "protocol version")
}

/// Whether a group that exists is what a request for one of the same name wants.
pub(in crate::elbv2) fn same_settings(one: &TargetGroup, other: &TargetGroup) -> bool {
    let bare = |group: &TargetGroup| TargetGroup {
        id: one.id.clone(),
        attributes: Attributes::default(),
        tags: BTreeMap::new(),
        created_at: one.created_at,
        ..group.clone()
    };
    bare(one) == bare(other)
}

/// A target group as answers show it. `user` is the load balancer that it belongs to.
pub(in crate::elbv2) fn write(group: &TargetGroup, user: Option<&LoadBalancerId>) -> shapes::TargetGroup {
    let check = &group.health_check;
    let grpc = group.protocol_version == Some(ProtocolVersion::Grpc);
    let seconds = |seconds: u32| Some(i32::try_from(seconds).unwrap_or(i32::MAX));
    let codes = check.matcher.as_ref().map(ToString::to_string);
    shapes::TargetGroup {
        target_group_arn: Some(group.arn().to_string()),
        target_group_name: Some(group.id.name.to_string()),
        protocol: Some(group.protocol.to_string()),
        port: Some(group.port.into()),
        vpc_id: Some(group.vpc_id.clone()),
        health_check_protocol: Some(check.protocol.to_string()),
        health_check_port: Some(check.port.to_string()),
        health_check_enabled: Some(true),
        health_check_interval_seconds: seconds(check.interval_seconds),
        health_check_timeout_seconds: seconds(check.timeout_seconds),
        healthy_threshold_count: seconds(check.healthy_threshold),
        unhealthy_threshold_count: seconds(check.unhealthy_threshold),
        health_check_path: check.path.clone(),
        matcher: codes.map(|codes| match grpc {
            true => shapes::Matcher { http_code: None, grpc_code: Some(codes) },
            false => shapes::Matcher { http_code: Some(codes), grpc_code: None },
        }),
        load_balancer_arns: Some(user.iter().map(|id| id.arn(&group.scope).to_string()).collect()),
        target_type: Some(group.target_type.to_string()),
        protocol_version: group.protocol_version.map(|version| version.to_string()),
        ip_address_type: Some("ipv4".into()),
        target_control_port: None,
    }
}
