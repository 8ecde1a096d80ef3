//! What the four operations on rules share: the request's group and permissions, and the change of its rules.

use model::ec2::{Direction, SecurityGroup, SecurityGroupRule};
use store::{Snapshot, Txn, Versioned};
use wire::ec2 as shapes;

use super::error::Error;
use super::permissions::{self, Wanted};
use super::store::SecurityGroupRow;
use super::wire as render;
use super::{groups, tags};
use crate::context::OpCtx;

/// What Authorize and Revoke requests have in common.
#[derive(Debug, Default)]
pub struct Request {
    /// The group's id.
    pub group_id: Option<String>,
    /// The group's name in the default VPC.
    pub group_name: Option<String>,
    /// The rules.
    pub permissions: Option<Vec<shapes::IpPermission>>,
    /// The single rule of a request in the old form.
    pub single: Single,
    /// Rules by id, to revoke.
    pub rule_ids: Option<Vec<String>>,
}

/// One rule, spread over the parameters of a request.
#[derive(Debug, Default)]
pub struct Single {
    /// The protocol.
    pub ip_protocol: Option<String>,
    /// The first port.
    pub from_port: Option<i32>,
    /// The last port.
    pub to_port: Option<i32>,
    /// The block.
    pub cidr_ip: Option<String>,
    /// A group, as EC2-Classic named it.
    pub source_group: Option<String>,
}

/// Adds rules to a group; answers them.
///
/// # Errors
/// EC2's own.
pub async fn authorize(
    ctx: &OpCtx,
    request: Request,
    direction: Direction,
    specified: Option<&[shapes::TagSpecification]>,
) -> Result<Vec<shapes::SecurityGroupRule>, Error> {
    let snapshot = ctx.cloud.store.snapshot();
    let tags = tags::specified(specified, "security-group-rule")?;
    let (group, wanted) = load(&snapshot, ctx, &request, direction)?;
    let mut ids = ctx.ids.clone();
    let (new, added) = permissions::add(&group, wanted, &tags, &mut ids)?;
    commit(ctx, &group, new).await?;
    Ok(added.iter().map(|rule| render::security_group_rule(&group, rule)).collect())
}

/// Takes rules from a group; answers them.
///
/// # Errors
/// EC2's own.
pub async fn revoke(
    ctx: &OpCtx,
    request: Request,
    direction: Direction,
) -> Result<Vec<shapes::RevokedSecurityGroupRule>, Error> {
    let snapshot = ctx.cloud.store.snapshot();
    let (group, gone) = match &request.rule_ids {
        Some(ids) if !ids.is_empty() => {
            let group = find(&snapshot, ctx, &request)?;
            let gone = by_id(&group, ids, direction)?;
            (group, gone)
        }
        Some(_) | None => {
            let (group, wanted) = load(&snapshot, ctx, &request, direction)?;
            let gone = by_permission(&group, &wanted)?;
            (group, gone)
        }
    };
    let mut new = group.row.0.clone();
    new.rules.retain(|rule| !gone.contains(rule));
    commit(ctx, &group, new).await?;
    Ok(gone.iter().map(|rule| render::revoked_rule(&group, rule)).collect())
}

fn find(snapshot: &Snapshot, ctx: &OpCtx, request: &Request) -> Result<Versioned<SecurityGroupRow>, Error> {
    groups::named(snapshot, &ctx.scope, request.group_id.as_deref(), request.group_name.as_deref())
}

fn load(
    snapshot: &Snapshot,
    ctx: &OpCtx,
    request: &Request,
    direction: Direction,
) -> Result<(Versioned<SecurityGroupRow>, Vec<Wanted>), Error> {
    let group = find(snapshot, ctx, request)?;
    let single = &request.single;
    if single.source_group.is_some() {
        return Err(Error::Combination(
            "The parameter sourceSecurityGroupName is for EC2-Classic; name the group in ipPermissions.",
        ));
    }
    let mut given = request.permissions.clone().unwrap_or_default();
    if single.ip_protocol.is_some() || single.cidr_ip.is_some() {
        if !given.is_empty() {
            return Err(Error::Combination(
                "The parameter ipPermissions may not be used with cidrIp or ipProtocol",
            ));
        }
        let range = shapes::IpRange { cidr_ip: single.cidr_ip.clone(), description: None };
        given.push(shapes::IpPermission {
            ip_protocol: single.ip_protocol.clone(),
            from_port: single.from_port,
            to_port: single.to_port,
            ip_ranges: Some(vec![range]),
            ..shapes::IpPermission::default()
        });
    }
    let wanted = permissions::read(snapshot, &group, direction, &given)?;
    Ok((group, wanted))
}

fn by_id(
    group: &SecurityGroup,
    ids: &[String],
    direction: Direction,
) -> Result<Vec<SecurityGroupRule>, Error> {
    let find = |id: &String| {
        let mut rules = group.rules.iter().filter(|rule| rule.permission.direction == direction);
        rules.find(|rule| rule.id == *id).cloned().ok_or_else(|| Error::RuleIdNotFound(id.clone()))
    };
    ids.iter().map(find).collect()
}

fn by_permission(group: &SecurityGroup, wanted: &[Wanted]) -> Result<Vec<SecurityGroupRule>, Error> {
    let find = |(permission, _): &Wanted| {
        let rule = group.rules.iter().find(|rule| rule.permission == *permission);
        rule.cloned().ok_or(Error::RuleNotFound)
    };
    wanted.iter().map(find).collect()
}

async fn commit(ctx: &OpCtx, group: &Versioned<SecurityGroupRow>, new: SecurityGroup) -> Result<(), Error> {
    let txn = Txn::new().update(group, &SecurityGroupRow(new));
    ctx.cloud.store.commit(txn).await.map(drop).map_err(Error::Store)
}
