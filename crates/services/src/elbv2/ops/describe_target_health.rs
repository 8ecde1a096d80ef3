//! DescribeTargetHealth: of all targets, or of those named, registered or not.

use model::elbv2::{HealthCheckPort, Target, TargetGroup, TargetHealth, TargetKey};
use wire::elbv2 as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::elbv2::find;
use crate::elbv2::rules::health;
use crate::elbv2::store::{targets as targets_of, user_of};
use crate::elbv2::wire::target;
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::DescribeTargetHealth {
    fn access(_: &OpCtx, _: &Self::Input) -> Access {
        Access::any("elasticloadbalancing:DescribeTargetHealth")
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let snapshot = ctx.cloud.store.snapshot();
        let group = find::target_group(&snapshot, &ctx.scope, &input.target_group_arn)?;
        let in_use = user_of(&snapshot, &ctx.scope, &group.id).is_some();
        let shown = targets_of(&snapshot, &ctx.scope, &group.id)
            .into_iter()
            .filter_map(|target| health::of(&target, in_use, ctx.now).map(|health| (target, health)));
        let shown: Vec<_> = shown.collect();
        let mut answers = Vec::new();
        match input.targets.filter(|targets| !targets.is_empty()) {
            None => {
                answers.extend(
                    shown.iter().map(|(target, health)| describe(&group, &target.key, Some(target), health)),
                );
            }
            Some(asked) => {
                for asked in &asked {
                    let key = target::key(asked, &group)?;
                    let found = shown.iter().find(|(target, _)| target.key == key);
                    answers.push(match found {
                        Some((target, health)) => describe(&group, &key, Some(target), health),
                        None => describe(&group, &key, None, &health::not_registered()),
                    });
                }
            }
        }
        Ok(Self::Output { target_health_descriptions: Some(answers) })
    }
}

fn describe(
    group: &TargetGroup,
    key: &TargetKey,
    target: Option<&Target>,
    health: &TargetHealth,
) -> shapes::TargetHealthDescription {
    let port = match group.health_check.port {
        HealthCheckPort::Traffic => key.port,
        HealthCheckPort::Fixed(port) => port,
    };
    shapes::TargetHealthDescription {
        target: Some(shapes::TargetDescription {
            id: key.id.clone(),
            port: Some(key.port.into()),
            availability_zone: target.and_then(|target| target.availability_zone.clone()),
            quic_server_id: None,
        }),
        health_check_port: target.map(|_| port.to_string()),
        target_health: Some(shapes::TargetHealth {
            state: Some(health.state.to_string()),
            reason: health.reason.map(|reason| reason.to_string()),
            description: health.description.clone(),
        }),
        ..shapes::TargetHealthDescription::default()
    }
}
