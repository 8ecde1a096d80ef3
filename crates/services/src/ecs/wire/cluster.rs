//! Clusters and account settings: shapes to model and back.

use model::ecs::cluster::{
    ClusterStatus, ContainerInsights, ExecuteCommandConfiguration, ExecuteCommandLogConfiguration,
    ExecuteCommandLogging, StrategyItem,
};
use model::ecs::setting::SettingName;
use model::ecs::{Tags, TextEnum};
use wire::ecs as shape;

use super::convert::{Malformed, Wire, mirror, words};

words!(ClusterStatus, ContainerInsights, ExecuteCommandLogging, SettingName);

mirror! {
    ExecuteCommandConfiguration = ExecuteCommandConfiguration [kms_key_id, logging, log_configuration] [];
    ExecuteCommandLogConfiguration = ExecuteCommandLogConfiguration
        [cloud_watch_log_group_name, cloud_watch_encryption_enabled, s3_bucket_name, s3_encryption_enabled,
         s3_key_prefix] [];
}

impl Wire<shape::CapacityProviderStrategyItem> for StrategyItem {
    /// An absent weight is 0 in ECS's API, and 1 in its console; an absent base is 0.
    fn from_wire(shape: shape::CapacityProviderStrategyItem) -> Result<Self, Malformed> {
        let number = |field, member: &str| match field {
            None => Ok(0),
            Some(number) => u32::from_wire(number).map_err(|error| error.inside(member)),
        };
        Ok(StrategyItem {
            weight: number(shape.weight, "weight")?,
            base: number(shape.base, "base")?,
            capacity_provider: shape.capacity_provider,
        })
    }
    fn into_wire(self) -> shape::CapacityProviderStrategyItem {
        shape::CapacityProviderStrategyItem {
            capacity_provider: self.capacity_provider,
            weight: Some(self.weight.into_wire()),
            base: Some(self.base.into_wire()),
        }
    }
}

/// Writes tags in the order of their keys.
pub(crate) fn write_tags(tags: &Tags) -> Vec<shape::Tag> {
    let tag =
        |(key, value): (&String, &String)| shape::Tag { key: Some(key.clone()), value: Some(value.clone()) };
    tags.iter().map(tag).collect()
}

/// Writes the one cluster setting that there is.
pub(crate) fn write_settings(insights: ContainerInsights) -> Vec<shape::ClusterSetting> {
    let value = Some(insights.as_str().to_owned());
    vec![shape::ClusterSetting { name: Some("containerInsights".to_owned()), value }]
}
