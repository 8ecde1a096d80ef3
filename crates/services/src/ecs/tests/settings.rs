//! Account settings.

use serde_json::json;

use super::World;

const ROOT: &str = "arn:aws:iam::123456789012:root";
const USER: &str = "arn:aws:iam::123456789012:user/ann";

fn setting(name: &str, value: &str, principal: &str) -> serde_json::Value {
    json!({ "name": name, "value": value, "principalArn": principal, "type": "user" })
}

#[tokio::test]
async fn a_principals_own_setting_comes_first() {
    let world = World::new().await;
    let name = "containerInsights";
    let default = json!({ "name": name, "value": "enabled" });
    let expected = json!({ "setting": setting(name, "enabled", ROOT) });
    world.check("PutAccountSettingDefault", default, expected).await;
    let own = json!({ "name": name, "value": "enhanced", "principalArn": USER });
    let expected = json!({ "setting": setting(name, "enhanced", USER) });
    world.check("PutAccountSetting", own, expected).await;

    let effective = json!({ "name": name, "principalArn": USER, "effectiveSettings": true });
    let expected = json!({ "settings": [setting(name, "enhanced", USER)] });
    world.check("ListAccountSettings", effective.clone(), expected).await;
    let delete = json!({ "name": name, "principalArn": USER });
    let expected = json!({ "setting": setting(name, "enabled", USER) });
    world.check("DeleteAccountSetting", delete, expected).await;
    let expected = json!({ "settings": [setting(name, "enabled", USER)] });
    world.check("ListAccountSettings", effective, expected).await;
    world.check("ListAccountSettings", json!({ "principalArn": USER }), json!({ "settings": [] })).await;

    // The default reaches new clusters.
    let cluster = world.done("CreateCluster", json!({})).await;
    assert_eq!(cluster["cluster"]["settings"], json!([{ "name": name, "value": "enabled" }]));
}

#[tokio::test]
async fn effective_settings_are_all_there() {
    let world = World::new().await;
    let all = world.done("ListAccountSettings", json!({ "effectiveSettings": true })).await;
    assert_eq!(all["settings"].as_array().unwrap().len(), 11);
    let first =
        world.done("ListAccountSettings", json!({ "effectiveSettings": true, "maxResults": 10 })).await;
    let token = first["nextToken"].clone();
    let rest = json!({ "effectiveSettings": true, "maxResults": 10, "nextToken": token });
    let expected = json!({ "settings": [setting("taskLongArnFormat", "enabled", ROOT)] });
    world.check("ListAccountSettings", rest, expected).await;
}

#[tokio::test]
async fn settings_take_their_own_values_only() {
    let world = World::new().await;
    world
        .refused(
            "PutAccountSetting",
            json!({ "name": "containerInsights", "value": "on" }),
            "InvalidParameterException: Invalid value 'on' for account setting containerInsights. Valid values: \
             enhanced, enabled, disabled.",
        )
        .await;
    world
        .refused(
            "PutAccountSetting",
            json!({ "name": "containerInsights", "value": "enabled", "principalArn": "arn:aws:iam::1:user/x" }),
            "InvalidParameterException: Invalid principalArn: arn:aws:iam::1:user/x",
        )
        .await;
    world
        .refused(
            "ListAccountSettings",
            json!({ "value": "enabled" }),
            "InvalidParameterException: A value needs the name of its account setting.",
        )
        .await;
}
