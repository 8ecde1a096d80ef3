//! What the operations on rules share: the request's group and permissions, and the change of its rules.

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

/// Gives rules, named by what they allow or by their ids, other descriptions.
///
/// # Errors
/// EC2's own.
pub async fn redescribe(
    ctx: &OpCtx,
    request: Request,
    direction: Direction,
    descriptions: &[shapes::SecurityGroupRuleDescription],
) -> Result<(), Error> {
    let snapshot = ctx.cloud.store.snapshot();
    let permissions = request.permissions.as_ref().is_some_and(|given| !given.is_empty());
    let (group, described) = match (permissions, descriptions) {
        (true, [_, ..]) => {
            return Err(Error::Combination(
                "The parameter ipPermissions may not be used with securityGroupRuleDescriptions",
            ));
        }
        (_, []) => {
            let (group, wanted) = load(&snapshot, ctx, &request, direction)?;
            let rules = by_permission(&group, &wanted)?;
            let texts = wanted.into_iter().map(|(_, description)| description);
            (group, rules.into_iter().map(|rule| rule.id).zip(texts).collect::<Vec<_>>())
        }
        (false, named) => {
            let group = find(&snapshot, ctx, &request)?;
            let ids = named.iter().map(|it| it.security_group_rule_id.clone().unwrap_or_default());
            let rules = by_id(&group, &ids.collect::<Vec<_>>(), direction)?;
            let texts = named.iter().map(|it| it.description.clone());
            (group, rules.into_iter().map(|rule| rule.id).zip(texts).collect())
        }
    };
    let mut new = group.row.0.clone();
    for rule in &mut new.rules {
        if let Some((_, text)) = described.iter().find(|(id, _)| *id == rule.id) {
            rule.description = text.clone().filter(|text| !text.is_empty());
        }
    }
    commit(ctx, &group, new).await
}

/// Puts other permissions in the place of rules.
///
/// # Errors
/// EC2's own.
pub async fn modify(
    ctx: &OpCtx,
    group_id: &str,
    updates: &[shapes::SecurityGroupRuleUpdate],
) -> Result<(), Error> {
    let snapshot = ctx.cloud.store.snapshot();
    let group = groups::named(&snapshot, &ctx.scope, Some(group_id), None)?;
    let mut new = group.row.0.clone();
    for update in updates {
        let id = &update.security_group_rule_id;
        let at = new.rules.iter().position(|rule| rule.id == *id);
        let at = at.ok_or_else(|| Error::RuleIdNotFound(id.clone()))?;
        let Some(wanted) = &update.security_group_rule else { continue };
        let direction = new.rules[at].permission.direction;
        let mut read = permissions::read(&snapshot, &group, direction, &[permission(wanted)?])?;
        let Some((permission, description)) = read.pop() else { continue };
        let twice = |(other, rule): (usize, &SecurityGroupRule)| other != at && rule.permission == permission;
        if new.rules.iter().enumerate().any(twice) {
            return Err(Error::DuplicateRule(permissions::text(&permission)));
        }
        let rule = &mut new.rules[at];
        (rule.permission, rule.description) = (permission, description);
    }
    commit(ctx, &group, new).await
}

/// A rule with its one peer as a permission.
fn permission(wanted: &shapes::SecurityGroupRuleRequest) -> Result<shapes::IpPermission, Error> {
    let peers = [&wanted.cidr_ipv4, &wanted.cidr_ipv6, &wanted.referenced_group_id, &wanted.prefix_list_id];
    if peers.iter().filter(|peer| peer.is_some()).count() != 1 {
        return Err(Error::Combination(
            "Exactly one of CidrIpv4, CidrIpv6, PrefixListId and ReferencedGroupId must be specified",
        ));
    }
    let description = || wanted.description.clone().filter(|text| !text.is_empty());
    let range = |block: &String| shapes::IpRange { cidr_ip: Some(block.clone()), description: description() };
    let range6 =
        |block: &String| shapes::Ipv6Range { cidr_ipv6: Some(block.clone()), description: description() };
    let pair = |id: &String| shapes::UserIdGroupPair {
        group_id: Some(id.clone()),
        description: description(),
        ..shapes::UserIdGroupPair::default()
    };
    let list = |id: &String| shapes::PrefixListId { prefix_list_id: Some(id.clone()), description: None };
    Ok(shapes::IpPermission {
        ip_protocol: wanted.ip_protocol.clone(),
        from_port: wanted.from_port,
        to_port: wanted.to_port,
        ip_ranges: Some(wanted.cidr_ipv4.iter().map(range).collect()),
        ipv6_ranges: Some(wanted.cidr_ipv6.iter().map(range6).collect()),
        user_id_group_pairs: Some(wanted.referenced_group_id.iter().map(pair).collect()),
        prefix_list_ids: Some(wanted.prefix_list_id.iter().map(list).collect()),
    })
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
