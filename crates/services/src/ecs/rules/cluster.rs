//! Clusters: settings, configuration and capacity provider strategies.

use std::collections::BTreeSet;

use model::ecs::TextEnum;
use model::ecs::cluster::{
    ClusterConfiguration, ContainerInsights, ExecuteCommandConfiguration, ExecuteCommandLogging, StrategyItem,
};
use wire::ecs as shape;

use crate::ecs::error::Error;
use crate::ecs::wire::convert::Wire;

/// The providers that every account has.
pub(crate) const FARGATE_PROVIDERS: [&str; 2] = ["FARGATE", "FARGATE_SPOT"];
/// The most providers of a strategy.
const MAX_STRATEGY_ITEMS: usize = 20;

/// Reads cluster settings: the value of `containerInsights`, when it is given.
pub(crate) fn container_insights(
    settings: Option<Vec<shape::ClusterSetting>>,
) -> Result<Option<ContainerInsights>, Error> {
    let mut found = None;
    for setting in settings.unwrap_or_default() {
        if setting.name.as_deref() != Some("containerInsights") {
            return Err(Error::InvalidParameter("Invalid cluster setting name.".into()));
        }
        let value = setting.value.unwrap_or_default();
        let value = ContainerInsights::parse(&value)
            .ok_or_else(|| Error::InvalidParameter(format!("Invalid cluster setting value: {value}")))?;
        if found.replace(value).is_some() {
            return Err(Error::InvalidParameter("Duplicate cluster setting: containerInsights".into()));
        }
    }
    Ok(found)
}

/// Reads a cluster's configuration.
pub(crate) fn configuration(shape: shape::ClusterConfiguration) -> Result<ClusterConfiguration, Error> {
    if shape.managed_storage_configuration.is_some() {
        return Err(Error::InvalidParameter("Managed storage encryption is not supported.".into()));
    }
    let exec = shape.execute_command_configuration;
    let exec: Option<ExecuteCommandConfiguration> = Wire::from_wire(exec)
        .map_err(|error| Error::InvalidParameter(format!("Invalid value for {}.", error.member)))?;
    if let Some(exec) = &exec {
        check_exec(exec)?;
        let overrides = exec.logging == Some(ExecuteCommandLogging::Override);
        if overrides != exec.log_configuration.is_some() {
            return Err(Error::InvalidParameter(
                "Log configuration must be specified if and only if logging is set to OVERRIDE.".into(),
            ));
        }
    }
    Ok(ClusterConfiguration { execute_command_configuration: exec })
}

/// What ECS Exec could be asked for and nothing here could do: there are no keys to encrypt with, and no buckets.
fn check_exec(exec: &ExecuteCommandConfiguration) -> Result<(), Error> {
    let log = exec.log_configuration.as_ref();
    let refused = if exec.kms_key_id.is_some() {
        "kmsKeyId is not supported: sessions are not encrypted with a customer managed key."
    } else if log.is_some_and(|log| log.cloud_watch_encryption_enabled == Some(true)) {
        "cloudWatchEncryptionEnabled is not supported: log groups are not encrypted with a customer managed key."
    } else if log.is_some_and(|log| {
        log.s3_bucket_name.is_some() || log.s3_key_prefix.is_some() || log.s3_encryption_enabled == Some(true)
    }) {
        "Logging of ECS Exec sessions to Amazon S3 is not supported."
    } else if log.is_some_and(|log| log.cloud_watch_log_group_name.is_none()) {
        "Log configuration must name a CloudWatch log group."
    } else {
        return Ok(());
    };
    Err(Error::InvalidParameter(refused.into()))
}

/// Checks the providers of a cluster: those that exist, each once.
pub(crate) fn check_providers(providers: &[String]) -> Result<(), Error> {
    let mut seen = BTreeSet::new();
    for provider in providers {
        if !FARGATE_PROVIDERS.contains(&provider.as_str()) {
            return Err(Error::InvalidParameter(format!(
                "The specified capacity provider '{provider}' was not found. Specify a valid name or ARN and try \
                 again."
            )));
        }
        if !seen.insert(provider) {
            return Err(Error::InvalidParameter(format!(
                "The capacity provider '{provider}' is specified more than once."
            )));
        }
    }
    Ok(())
}

/// Reads a strategy, whose providers must be among those of the cluster.
pub(crate) fn strategy(
    items: Vec<shape::CapacityProviderStrategyItem>,
    providers: &[String],
) -> Result<Vec<StrategyItem>, Error> {
    let invalid = |message: String| Err(Error::InvalidParameter(message));
    if items.len() > MAX_STRATEGY_ITEMS {
        return invalid(
            "A capacity provider strategy can contain a maximum of 20 capacity providers.".into(),
        );
    }
    let mut seen = BTreeSet::new();
    let mut strategy = Vec::new();
    for item in items {
        let item: StrategyItem = Wire::from_wire(item)
            .map_err(|error| Error::InvalidParameter(format!("Invalid value for {}.", error.member)))?;
        let provider = &item.capacity_provider;
        if item.weight > 1000 || item.base > 100_000 {
            return invalid("weight must be at most 1000 and base at most 100000.".into());
        }
        if !providers.contains(provider) {
            return invalid(format!(
                "The specified capacity provider strategy cannot contain a capacity provider that is not associated \
                 with the cluster. Associate the capacity provider '{provider}' with the cluster and try again."
            ));
        }
        if !seen.insert(provider.clone()) {
            return invalid(format!("The capacity provider '{provider}' is specified more than once."));
        }
        strategy.push(item);
    }
    if strategy.iter().filter(|item| item.base > 0).count() > 1 {
        return invalid(
            "The specified capacity provider strategy can only contain one capacity provider with a base."
                .into(),
        );
    }
    Ok(strategy)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(provider: &str, weight: i32, base: i32) -> shape::CapacityProviderStrategyItem {
        shape::CapacityProviderStrategyItem {
            capacity_provider: provider.into(),
            weight: Some(weight),
            base: Some(base),
        }
    }

    #[test]
    fn a_strategy_names_providers_of_the_cluster_once() {
        let providers: Vec<String> = FARGATE_PROVIDERS.map(str::to_owned).into();
        let check = |items: Vec<_>, accepted: bool| assert_eq!(strategy(items, &providers).is_ok(), accepted);
        check(vec![item("FARGATE", 1, 1), item("FARGATE_SPOT", 3, 0)], true);
        check(vec![], true);
        check(vec![item("asg", 1, 0)], false);
        check(vec![item("FARGATE", 1, 1), item("FARGATE", 1, 0)], false);
        check(vec![item("FARGATE", 1, 1), item("FARGATE_SPOT", 1, 1)], false);
        check(vec![item("FARGATE", 1001, 0)], false);
        check(vec![item("FARGATE", -1, 0)], false);
    }

    #[test]
    fn container_insights_has_three_values() {
        let setting = |name: &str, value: &str| shape::ClusterSetting {
            name: Some(name.into()),
            value: Some(value.into()),
        };
        let read =
            |name: &str, value: &str| container_insights(Some(vec![setting(name, value)])).ok().flatten();
        assert_eq!(read("containerInsights", "enhanced"), Some(ContainerInsights::Enhanced));
        assert_eq!(read("containerInsights", "on"), None);
        assert_eq!(read("other", "enabled"), None);
    }
}
