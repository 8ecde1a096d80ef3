//! Account settings: which values each takes, and what holds when nobody put one.

use model::ecs::TextEnum;
use model::ecs::setting::SettingName;

use crate::ecs::error::Error;

/// Reads a setting's name.
pub(crate) fn name(raw: &str) -> Result<SettingName, Error> {
    SettingName::parse(raw)
        .ok_or_else(|| Error::InvalidParameter(format!("Invalid account setting name: {raw}")))
}

/// Checks a value for the setting `name`, and gives it in ECS's spelling.
pub(crate) fn value(name: SettingName, raw: &str) -> Result<&'static str, Error> {
    let invalid = |why: &str| Err(Error::InvalidParameter(why.to_owned()));
    if name == SettingName::GuardDutyActivate {
        return invalid("The account setting guardDutyActivate is managed by AWS and cannot be changed.");
    }
    let value = allowed(name).iter().find(|value| value.eq_ignore_ascii_case(raw));
    match value {
        Some(&"disabled") if is_long_arn(name) => {
            invalid("The long ARN format cannot be turned off: there is no other.")
        }
        Some(value) => Ok(value),
        None => Err(Error::InvalidParameter(format!(
            "Invalid value '{raw}' for account setting {name}. Valid values: {}.",
            allowed(name).join(", ")
        ))),
    }
}

/// What holds when nobody put a value.
pub(crate) fn default(name: SettingName) -> &'static str {
    match name {
        SettingName::ServiceLongArnFormat
        | SettingName::TaskLongArnFormat
        | SettingName::ContainerInstanceLongArnFormat => "enabled",
        SettingName::AwsvpcTrunking
        | SettingName::ContainerInsights
        | SettingName::FargateFipsMode
        | SettingName::FargateEventWindows => "disabled",
        SettingName::TagResourceAuthorization | SettingName::GuardDutyActivate => "off",
        SettingName::FargateTaskRetirementWaitPeriod => "7",
        SettingName::DefaultLogDriverMode => "non-blocking",
    }
}

fn is_long_arn(name: SettingName) -> bool {
    matches!(
        name,
        SettingName::ServiceLongArnFormat
            | SettingName::TaskLongArnFormat
            | SettingName::ContainerInstanceLongArnFormat
    )
}

fn allowed(name: SettingName) -> &'static [&'static str] {
    match name {
        SettingName::ServiceLongArnFormat
        | SettingName::TaskLongArnFormat
        | SettingName::ContainerInstanceLongArnFormat
        | SettingName::AwsvpcTrunking
        | SettingName::FargateFipsMode
        | SettingName::FargateEventWindows => &["enabled", "disabled"],
        SettingName::ContainerInsights => &["enhanced", "enabled", "disabled"],
        SettingName::TagResourceAuthorization | SettingName::GuardDutyActivate => &["on", "off"],
        SettingName::FargateTaskRetirementWaitPeriod => &["0", "7", "14"],
        SettingName::DefaultLogDriverMode => &["blocking", "non-blocking"],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(setting: &str, raw: &str, expected: Option<&str>) {
        let found = name(setting).ok().and_then(|name| value(name, raw).ok());
        assert_eq!(found, expected, "{setting}={raw}");
    }

    #[test]
    fn each_setting_has_its_values() {
        check("containerInsights", "enhanced", Some("enhanced"));
        check("tagResourceAuthorization", "ON", Some("on"));
        check("fargateTaskRetirementWaitPeriod", "14", Some("14"));
        check("fargateTaskRetirementWaitPeriod", "8", None);
        check("guardDutyActivate", "on", None);
        check("taskLongArnFormat", "enabled", Some("enabled"));
        check("taskLongArnFormat", "disabled", None);
        check("nonsense", "enabled", None);
        for &name in SettingName::ALL {
            assert!(allowed(name).contains(&default(name)), "{name}");
        }
    }
}
