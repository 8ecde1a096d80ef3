//! What stands before the services of a balanced world: a load balancer, its target groups, and how the first service
//! changes from one revision to the next.

use anyhow::{Context, Result, anyhow};
use services::{OpCtx, ServiceError, ec2, elbv2, iam};
use wire::ecs as shape;
use wire::elbv2 as balancing;
use wire::iam as identities;

use crate::requests::{PORT, call};

/// The target groups of a balanced world.
const GROUPS: [&str; 2] = ["front", "middle"];
/// The target group that takes turns with the first one.
const OTHER: &str = "other";
/// How long a deregistered target drains, in seconds.
const DRAINS_FOR: &str = "30";
/// The role by which rules are rewritten.
const ROLE: &str = "balance";
/// How long the failing checks of a young task are ignored, in seconds, where they are.
const GRACE: i32 = 60;

/// What the services are behind.
#[derive(Clone, Debug, Default)]
pub struct Fronts {
    /// The target groups, one for each of the first services.
    pub groups: Vec<String>,
    /// How the first service shifts traffic, if it does.
    pub shift: Option<Shift>,
    /// How long failing checks are ignored, in seconds, for the services that are behind load balancers.
    pub grace: Option<i32>,
}

/// How traffic is shifted.
#[derive(Clone, Debug)]
pub struct Shift {
    /// The target group that takes turns with the service's.
    pub other: String,
    /// The listener whose default rule is rewritten.
    pub listener: String,
    /// The role for it.
    pub role: String,
    /// The strategy, with its steps.
    pub strategy: shape::DeploymentConfiguration,
}

impl Fronts {
    /// The load balancer of the service number `at`.
    pub fn of(&self, at: usize) -> Option<Vec<shape::LoadBalancer>> {
        let group = self.groups.get(at)?;
        let shift = self.shift.as_ref().filter(|_| at == 0);
        Some(vec![shape::LoadBalancer {
            target_group_arn: Some(group.clone()),
            container_name: Some("app".into()),
            container_port: Some(PORT),
            advanced_configuration: shift.map(|shift| shape::AdvancedConfiguration {
                alternate_target_group_arn: Some(shift.other.clone()),
                production_listener_rule: Some(shift.listener.clone()),
                role_arn: Some(shift.role.clone()),
                ..Default::default()
            }),
            ..Default::default()
        }])
    }

    /// How the service number `at` is rolled over, but for its bounds.
    pub fn strategy(&self, at: usize) -> shape::DeploymentConfiguration {
        self.shift.as_ref().filter(|_| at == 0).map(|shift| shift.strategy.clone()).unwrap_or_default()
    }

    /// For how many seconds the service number `at` ignores failing checks.
    pub fn grace(&self, at: usize) -> Option<i32> {
        self.grace.filter(|_| at < self.groups.len())
    }
}

/// The strategy of the world with this seed: each way of shifting has its turn.
fn strategy(seed: u64) -> shape::DeploymentConfiguration {
    let base = shape::DeploymentConfiguration { bake_time_in_minutes: Some(1), ..Default::default() };
    match seed / 4 % 3 {
        0 => shape::DeploymentConfiguration { strategy: Some("BLUE_GREEN".into()), ..base },
        1 => shape::DeploymentConfiguration {
            strategy: Some("LINEAR".into()),
            linear_configuration: Some(shape::LinearConfiguration {
                step_percent: Some(40.0),
                step_bake_time_in_minutes: Some(1),
            }),
            ..base
        },
        _ => shape::DeploymentConfiguration {
            strategy: Some("CANARY".into()),
            canary_configuration: Some(shape::CanaryConfiguration {
                canary_percent: Some(10.0),
                canary_bake_time_in_minutes: Some(1),
            }),
            ..base
        },
    }
}

fn refused(error: ServiceError) -> anyhow::Error {
    anyhow!("{error}")
}

/// Makes the load balancer of the world with this seed: in every other one traffic is shifted, in the rest the checks of
/// young tasks are ignored for a while.
///
/// # Errors
/// When one of the requests is refused.
pub async fn make(ctx: &OpCtx, subnets: &[String], seed: u64) -> Result<Fronts> {
    let found = call::<wire::ec2::DescribeVpcs>(&ec2::ROOM, ctx.clone(), Default::default()).await;
    let vpcs = found.map_err(refused)?.vpcs.unwrap_or_default();
    let vpc = vpcs.into_iter().next().and_then(|vpc| vpc.vpc_id).context("there is a VPC")?;
    let input = balancing::CreateLoadBalancerInput {
        name: "world".into(),
        subnets: Some(subnets.to_vec()),
        ..Default::default()
    };
    let made = call::<balancing::CreateLoadBalancer>(&elbv2::ROOM, ctx.clone(), input).await;
    let made = made.map_err(refused)?.load_balancers.unwrap_or_default();
    let balancer = made.into_iter().next().and_then(|it| it.load_balancer_arn);
    let balancer = balancer.context("a load balancer has an ARN")?;
    let mut fronts = Fronts::default();
    for (name, port) in GROUPS.into_iter().zip(8080..) {
        let group = target_group(ctx, name, &vpc).await?;
        let listener = listener(ctx, &balancer, port, &group).await?;
        if fronts.groups.is_empty() && seed.is_multiple_of(4) {
            let (other, role) = (target_group(ctx, OTHER, &vpc).await?, role(ctx).await?);
            fronts.shift = Some(Shift { other, listener, role, strategy: strategy(seed) });
        }
        fronts.groups.push(group);
    }
    fronts.grace = fronts.shift.is_none().then_some(GRACE);
    Ok(fronts)
}

async fn target_group(ctx: &OpCtx, name: &str, vpc: &str) -> Result<String> {
    let input = balancing::CreateTargetGroupInput {
        name: name.into(),
        protocol: Some("HTTP".into()),
        port: Some(PORT),
        vpc_id: Some(vpc.into()),
        target_type: Some("ip".into()),
        ..Default::default()
    };
    let made = call::<balancing::CreateTargetGroup>(&elbv2::ROOM, ctx.clone(), input).await;
    let made = made.map_err(refused)?.target_groups.unwrap_or_default();
    let group = made.into_iter().next().and_then(|it| it.target_group_arn);
    let group = group.context("a target group has an ARN")?;
    let delay = balancing::TargetGroupAttribute {
        key: Some("deregistration_delay.timeout_seconds".into()),
        value: Some(DRAINS_FOR.into()),
    };
    let input = balancing::ModifyTargetGroupAttributesInput {
        target_group_arn: group.clone(),
        attributes: vec![delay],
    };
    let changed = call::<balancing::ModifyTargetGroupAttributes>(&elbv2::ROOM, ctx.clone(), input).await;
    changed.map_err(refused)?;
    Ok(group)
}

async fn listener(ctx: &OpCtx, balancer: &str, port: i32, group: &str) -> Result<String> {
    let forward = balancing::Action {
        r#type: "forward".into(),
        target_group_arn: Some(group.into()),
        ..Default::default()
    };
    let input = balancing::CreateListenerInput {
        load_balancer_arn: balancer.into(),
        protocol: Some("HTTP".into()),
        port: Some(port),
        default_actions: vec![forward],
        ..Default::default()
    };
    let made = call::<balancing::CreateListener>(&elbv2::ROOM, ctx.clone(), input).await;
    let made = made.map_err(refused)?.listeners.unwrap_or_default();
    made.into_iter().next().and_then(|it| it.listener_arn).context("a listener has an ARN")
}

async fn role(ctx: &OpCtx) -> Result<String> {
    let trust = r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole",
                    "Principal": {"Service": "ecs.amazonaws.com"}}]}"#;
    let input = identities::CreateRoleRequest {
        role_name: ROLE.into(),
        assume_role_policy_document: trust.into(),
        ..Default::default()
    };
    let made = call::<identities::CreateRole>(&iam::ROOM, ctx.clone(), input).await.map_err(refused)?;
    Ok(made.role.arn)
}
