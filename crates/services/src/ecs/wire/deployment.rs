//! Deployment configurations: parsed, and written back.
//!
//! What is refused is told in CreateService's file. Rolling deployments have no bake time: nothing but zero is taken for
//! theirs.

use model::ecs::deployment::{
    CircuitBreaker, DeploymentConfiguration, DeploymentStrategy, IdleAlarms, Threshold, ThresholdType,
};
use model::ecs::lifecycle::{
    HookAction, HookRun, HookStatus, LifecycleStage, PauseHook, Share, ShiftStep, Shifting,
};
use wire::ecs as shape;

use super::convert::{Wire, mirror, words};
use super::service::{count, word};
use crate::ecs::error::Error;

words!(DeploymentStrategy, HookAction, HookStatus, LifecycleStage, ThresholdType);

mirror! {
    Threshold = ThresholdConfiguration [value] [kind = r#type];
    CircuitBreaker = DeploymentCircuitBreaker [enable, rollback, reset_on_healthy_task] [threshold = threshold_configuration];
}

/// The longest bake time, in minutes.
const MAX_BAKE: u32 = 24 * 60;
/// The longest wait of a hook, in minutes.
const MAX_WAIT: i32 = 14 * 24 * 60;
/// The most hooks; ECS names no number, and a record has to end somewhere.
const MAX_HOOKS: usize = 20;
/// The word for hooks that wait for one.
const PAUSE: &str = "PAUSE";

fn invalid(text: impl Into<String>) -> Error {
    Error::InvalidParameter(text.into())
}

/// Reads a deployment configuration; what it does not name stays as in `before`.
pub(crate) fn read(
    shape: shape::DeploymentConfiguration,
    before: &DeploymentConfiguration,
) -> Result<DeploymentConfiguration, Error> {
    refuse_unserved(&shape)?;
    let mut next = before.clone();
    if let Some(raw) = &shape.strategy {
        next.strategy = word("strategy", raw)?;
        if next.strategy != before.strategy {
            next.shifting = Shifting::default();
        }
    }
    if let Some(percent) = shape.minimum_healthy_percent {
        next.minimum_healthy_percent = count("minimumHealthyPercent", percent)?;
    }
    if let Some(percent) = shape.maximum_percent {
        next.maximum_percent = count("maximumPercent", percent)?;
    }
    if let Some(breaker) = shape.deployment_circuit_breaker {
        next.circuit_breaker = Wire::from_wire(breaker)
            .map_err(|error| invalid(format!("Invalid value for {}.", error.member)))?;
    }
    if let Some(alarms) = shape.alarms {
        next.idle_alarms = Some(IdleAlarms { names: alarms.alarm_names, rollback: alarms.rollback });
    }
    if let Some(minutes) = shape.bake_time_in_minutes {
        let minutes = minutes_up_to_a_day("bakeTimeInMinutes", minutes)?;
        let shifts = next.strategy.shifts_traffic();
        if minutes > 0 && !shifts {
            let text = "Bake times of rolling deployments are not supported.";
            return Err(Error::UnsupportedFeature(text.into()));
        }
        // Rolling deployments show a bake time of nothing, and may be given it back.
        next.shifting.bake_minutes = shifts.then_some(minutes);
    }
    if let Some(linear) = shape.linear_configuration {
        let (percent, minutes) = (linear.step_percent, linear.step_bake_time_in_minutes);
        next.shifting.linear =
            Some(step(("stepPercent", percent, 3.0), ("stepBakeTimeInMinutes", minutes), LINEAR)?);
    }
    if let Some(canary) = shape.canary_configuration {
        let (percent, minutes) = (canary.canary_percent, canary.canary_bake_time_in_minutes);
        next.shifting.canary =
            Some(step(("canaryPercent", percent, 0.1), ("canaryBakeTimeInMinutes", minutes), CANARY)?);
    }
    if let Some(hooks) = shape.lifecycle_hooks {
        if hooks.len() > MAX_HOOKS {
            return Err(invalid(format!("A deployment can have at most {MAX_HOOKS} lifecycle hooks.")));
        }
        next.shifting.hooks = hooks.into_iter().map(hook).collect::<Result<_, _>>()?;
    }
    match next.strategy {
        DeploymentStrategy::Linear => drop(next.shifting.linear.get_or_insert(LINEAR)),
        DeploymentStrategy::Canary => drop(next.shifting.canary.get_or_insert(CANARY)),
        DeploymentStrategy::Rolling | DeploymentStrategy::BlueGreen => {}
    }
    Ok(next)
}

/// The steps of a LINEAR deployment that names none: 10 percent every 6 minutes.
const LINEAR: ShiftStep = ShiftStep { share: Share::TENTH, bake_minutes: 6 };
/// The first step of a CANARY deployment that names none: 5 percent for 10 minutes.
const CANARY: ShiftStep = ShiftStep { share: Share::TWENTIETH, bake_minutes: 10 };

fn minutes_up_to_a_day(member: &str, raw: i32) -> Result<u32, Error> {
    let minutes = u32::try_from(raw).ok().filter(|minutes| *minutes <= MAX_BAKE);
    minutes.ok_or_else(|| invalid(format!("{member} must be between 0 and {MAX_BAKE}.")))
}

/// Reads a step of the traffic; what is not named is as in `default`.
fn step(
    (member, percent, least): (&str, Option<f64>, f64),
    (bake_member, minutes): (&str, Option<i32>),
    default: ShiftStep,
) -> Result<ShiftStep, Error> {
    let read = |percent: f64| {
        let share = Share::of_percent(percent).filter(|_| percent >= least);
        share.ok_or_else(|| invalid(format!("{member} must be a multiple of 0.1 from {least:.1} to 100.0.")))
    };
    Ok(ShiftStep {
        share: percent.map_or(Ok(default.share), read)?,
        bake_minutes: minutes
            .map_or(Ok(default.bake_minutes), |raw| minutes_up_to_a_day(bake_member, raw))?,
    })
}

fn hook(shape: shape::DeploymentLifecycleHook) -> Result<PauseHook, Error> {
    if shape.target_type.as_deref() != Some(PAUSE) {
        let text = "Lifecycle hooks of the target type AWS_LAMBDA are not supported.";
        return Err(Error::UnsupportedFeature(text.into()));
    }
    if shape.hook_target_arn.is_some() || shape.role_arn.is_some() || shape.hook_details.is_some() {
        return Err(invalid(
            "hookTargetArn, roleArn and hookDetails cannot be used with PAUSE lifecycle hooks.",
        ));
    }
    let stages = shape.lifecycle_stages.unwrap_or_default();
    let stages: Vec<LifecycleStage> =
        stages.iter().map(|raw| word("lifecycleStages", raw)).collect::<Result<_, _>>()?;
    if stages.is_empty() {
        return Err(invalid("lifecycleStages cannot be empty."));
    }
    if let Some(stage) = stages.iter().find(|stage| !LifecycleStage::PAUSES.contains(stage)) {
        return Err(invalid(format!("PAUSE lifecycle hooks cannot be configured at the stage {stage}.")));
    }
    let timeout = shape.timeout_configuration.unwrap_or_default();
    let minutes = timeout.timeout_in_minutes.map(|raw| {
        let minutes = u32::try_from(raw).ok().filter(|_| (1..=MAX_WAIT).contains(&raw));
        minutes.ok_or_else(|| invalid(format!("timeoutInMinutes must be between 1 and {MAX_WAIT}.")))
    });
    Ok(PauseHook {
        stages,
        timeout_minutes: minutes.transpose()?,
        timeout_action: timeout.action.as_deref().map(|raw| word("action", raw)).transpose()?,
    })
}

/// What ECS has and Longshore does not act on is refused, not stored.
fn refuse_unserved(shape: &shape::DeploymentConfiguration) -> Result<(), Error> {
    let unserved = [
        (
            shape.early_success_criteria.as_ref().is_some_and(|it| it.enable),
            "Early success criteria are not supported.",
        ),
        (
            shape.alarms.as_ref().is_some_and(|alarms| alarms.enable),
            "Deployment alarms are not supported: there are no CloudWatch alarms that could be watched.",
        ),
    ];
    match unserved.iter().find(|(asked, _)| *asked) {
        Some((_, text)) => Err(Error::UnsupportedFeature((*text).into())),
        None => Ok(()),
    }
}

/// Writes a deployment configuration.
pub(crate) fn write(configuration: &DeploymentConfiguration) -> shape::DeploymentConfiguration {
    let shifting = &configuration.shifting;
    let hooks: Vec<_> = shifting.hooks.iter().map(write_hook).collect();
    shape::DeploymentConfiguration {
        deployment_circuit_breaker: Some(configuration.circuit_breaker.into_wire()),
        maximum_percent: Some(configuration.maximum_percent.into_wire()),
        minimum_healthy_percent: Some(configuration.minimum_healthy_percent.into_wire()),
        strategy: Some(configuration.strategy.to_string()),
        alarms: configuration.idle_alarms.as_ref().map(|alarms| shape::DeploymentAlarms {
            alarm_names: alarms.names.clone(),
            rollback: alarms.rollback,
            enable: false,
        }),
        bake_time_in_minutes: Some(shifting.bake_minutes.unwrap_or_default().into_wire()),
        lifecycle_hooks: (!hooks.is_empty()).then_some(hooks),
        linear_configuration: shifting.linear.map(|step| shape::LinearConfiguration {
            step_percent: Some(step.share.percent()),
            step_bake_time_in_minutes: Some(step.bake_minutes.into_wire()),
        }),
        canary_configuration: shifting.canary.map(|step| shape::CanaryConfiguration {
            canary_percent: Some(step.share.percent()),
            canary_bake_time_in_minutes: Some(step.bake_minutes.into_wire()),
        }),
        ..Default::default()
    }
}

fn write_hook(hook: &PauseHook) -> shape::DeploymentLifecycleHook {
    let is_timed = hook.timeout_minutes.is_some() || hook.timeout_action.is_some();
    shape::DeploymentLifecycleHook {
        target_type: Some(PAUSE.into()),
        lifecycle_stages: Some(hook.stages.iter().map(ToString::to_string).collect()),
        timeout_configuration: is_timed.then(|| shape::DeploymentLifecycleHookTimeoutConfiguration {
            timeout_in_minutes: hook.timeout_minutes.into_wire(),
            action: hook.timeout_action.into_wire(),
        }),
        ..Default::default()
    }
}

/// Writes what has come of a hook.
pub(crate) fn write_run(run: &HookRun) -> shape::DeploymentLifecycleHookDetail {
    shape::DeploymentLifecycleHookDetail {
        hook_id: Some(run.id.clone()),
        target_type: Some(PAUSE.into()),
        target_arn: None,
        status: Some(run.status.to_string()),
        expires_at: Some(run.expires_at.as_millis()),
        timeout_action: Some(run.timeout_action.to_string()),
    }
}
