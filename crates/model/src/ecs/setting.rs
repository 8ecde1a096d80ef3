//! Account settings: defaults of an account, and of single principals in it.

use serde::{Deserialize, Serialize};

use super::text::text_enum;
use crate::{Record, Scope};

text_enum! {
    /// The names of account settings.
    pub enum SettingName {
        /// Long ARNs for services.
        ServiceLongArnFormat = "serviceLongArnFormat",
        /// Long ARNs for tasks.
        TaskLongArnFormat = "taskLongArnFormat",
        /// Long ARNs for container instances.
        ContainerInstanceLongArnFormat = "containerInstanceLongArnFormat",
        /// More network interfaces an instance.
        AwsvpcTrunking = "awsvpcTrunking",
        /// Container Insights on new clusters.
        ContainerInsights = "containerInsights",
        /// FIPS 140 on Fargate.
        FargateFipsMode = "fargateFIPSMode",
        /// Whether creating with tags needs `ecs:TagResource`.
        TagResourceAuthorization = "tagResourceAuthorization",
        /// Days before Fargate tasks are retired.
        FargateTaskRetirementWaitPeriod = "fargateTaskRetirementWaitPeriod",
        /// GuardDuty runtime monitoring; only AWS sets it.
        GuardDutyActivate = "guardDutyActivate",
        /// The `mode` of log drivers that name none.
        DefaultLogDriverMode = "defaultLogDriverMode",
        /// Fargate maintenance in event windows.
        FargateEventWindows = "fargateEventWindows",
    }
}

/// Whose setting it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum SettingOwner {
    /// The default of every principal in the account that has none of its own.
    Account,
    /// One principal's own, by ARN.
    Principal(String),
}

/// A setting that somebody put.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AccountSetting {
    /// Account and region.
    pub scope: Scope,
    /// Which setting.
    pub name: SettingName,
    /// Whose.
    pub owner: SettingOwner,
    /// Its value.
    pub value: String,
}

impl Record for AccountSetting {}
