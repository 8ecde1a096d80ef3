//! Deployments: what a strategy needs, and what goes with it.

use model::ecs::deployment::DeploymentStrategy;
use model::ecs::lifecycle::Shifting;
use model::ecs::service::{SchedulingStrategy, ServiceSpec};
use model::ecs::service_revision::RevisionSpec;

use crate::ecs::error::Error;

/// The least that `maximumPercent` may be.
const LEAST_MAXIMUM: u32 = 100;
/// The most that it may be.
const MOST_MAXIMUM: u32 = 200;

/// Checks the deployment configuration of a service, with what it is to deploy.
pub(crate) fn check(spec: &ServiceSpec, revision: &RevisionSpec) -> Result<(), Error> {
    let refuse = |text: String| Err(Error::InvalidParameter(text));
    let configuration = &spec.deployment;
    let (minimum, maximum) = (configuration.minimum_healthy_percent, configuration.maximum_percent);
    if minimum > LEAST_MAXIMUM {
        return refuse(
            "Deployment configuration's minimum healthy percent cannot be greater than 100.".into(),
        );
    }
    if !(LEAST_MAXIMUM..=MOST_MAXIMUM).contains(&maximum) {
        return refuse("Deployment configuration's maximum percent must be between 100 and 200.".into());
    }
    if (minimum, maximum) == (LEAST_MAXIMUM, LEAST_MAXIMUM) {
        return refuse(
            "Both maximumPercent and minimumHealthyPercent cannot be 100 as this will block deployments."
                .into(),
        );
    }
    if let Some(threshold) = configuration.circuit_breaker.threshold
        && threshold.value == 0
    {
        return refuse("The deployment circuit breaker's threshold value must be greater than 0.".into());
    }
    let (strategy, shifting) = (configuration.strategy, &configuration.shifting);
    if shifting.linear.is_some() && strategy != DeploymentStrategy::Linear {
        return refuse("linearConfiguration can only be used with the LINEAR deployment strategy.".into());
    }
    if shifting.canary.is_some() && strategy != DeploymentStrategy::Canary {
        return refuse("canaryConfiguration can only be used with the CANARY deployment strategy.".into());
    }
    if !strategy.shifts_traffic() {
        if *shifting != Shifting::default() {
            return refuse("Lifecycle hooks cannot be used with the ROLLING deployment strategy.".into());
        }
        return Ok(());
    }
    if spec.scheduling_strategy == SchedulingStrategy::Daemon {
        return refuse(format!(
            "The daemon scheduling strategy does not support the {strategy} deployment strategy."
        ));
    }
    if strategy == DeploymentStrategy::BlueGreen && shifting.bake_minutes.is_none() {
        return refuse("bakeTimeInMinutes is required with the BLUE_GREEN deployment strategy.".into());
    }
    if strategy != DeploymentStrategy::BlueGreen && revision.load_balancers.is_empty() {
        return refuse(format!("The {strategy} deployment strategy needs a load balancer."));
    }
    if revision.load_balancers.iter().any(|balancer| balancer.shift.is_none()) {
        return refuse(format!(
            "advancedConfiguration is required for each load balancer with the {strategy} deployment strategy."
        ));
    }
    Ok(())
}
