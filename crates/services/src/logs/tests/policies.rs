//! Resource policies: an account's and a group's.

use serde_json::{Value as Json, json};

use super::{call, names, with_streams};

const DOCUMENT: &str = r#"{"Version":"2012-10-17","Statement":[{"Sid":"dns","Effect":"Allow",
    "Principal":{"Service":"route53.amazonaws.com"},"Action":["logs:PutLogEvents"],"Resource":"*"}]}"#;
const GROUP: &str = "arn:aws:logs:us-east-2:123456789012:log-group:/ecs/web";

fn policy(name: &str) -> Json {
    json!({ "policyName": name, "policyDocument": DOCUMENT })
}

#[tokio::test]
async fn an_account_has_ten_policies_by_name() {
    let ctx = with_streams(&[]).await;
    for number in 0..10 {
        call(&ctx, "PutResourcePolicy", policy(&format!("p{number}"))).await.unwrap();
    }
    let eleventh = call(&ctx, "PutResourcePolicy", policy("p10")).await.unwrap_err();
    assert!(eleventh.starts_with("LimitExceededException"), "{eleventh}");
    call(&ctx, "PutResourcePolicy", policy("p9")).await.unwrap();
    let page = call(&ctx, "DescribeResourcePolicies", json!({ "limit": 9 })).await.unwrap();
    assert_eq!(names(&page, "resourcePolicies", "policyName").len(), 9);
    let next = json!({ "nextToken": page["nextToken"] });
    let page = call(&ctx, "DescribeResourcePolicies", next).await.unwrap();
    assert_eq!(names(&page, "resourcePolicies", "policyName"), ["p9"]);
    call(&ctx, "DeleteResourcePolicy", json!({ "policyName": "p9" })).await.unwrap();
    let gone = call(&ctx, "DeleteResourcePolicy", json!({ "policyName": "p9" })).await.unwrap_err();
    assert_eq!(gone, "ResourceNotFoundException: Policy with name [p9] does not exist.");
}

#[tokio::test]
async fn a_groups_policy_is_changed_by_who_knows_its_revision() {
    let ctx = with_streams(&[]).await;
    let mut put = policy("own");
    put["resourceArn"] = json!(GROUP);
    let first = call(&ctx, "PutResourcePolicy", put.clone()).await.unwrap();
    assert_eq!(first["resourcePolicy"]["policyScope"], "RESOURCE");
    let blind = call(&ctx, "PutResourcePolicy", put.clone()).await.unwrap_err();
    assert!(blind.starts_with("OperationAbortedException"), "{blind}");
    put["expectedRevisionId"] = first["revisionId"].clone();
    let second = call(&ctx, "PutResourcePolicy", put).await.unwrap();
    assert_ne!(second["revisionId"], first["revisionId"]);
    let of_groups =
        call(&ctx, "DescribeResourcePolicies", json!({ "policyScope": "RESOURCE" })).await.unwrap();
    assert_eq!(names(&of_groups, "resourcePolicies", "resourceArn"), [GROUP]);
    let of_account = call(&ctx, "DescribeResourcePolicies", json!({})).await.unwrap();
    assert_eq!(of_account["resourcePolicies"], json!([]));
    // A group made anew does not inherit it.
    call(&ctx, "DeleteLogGroup", json!({ "logGroupName": "/ecs/web" })).await.unwrap();
    call(&ctx, "CreateLogGroup", json!({ "logGroupName": "/ecs/web" })).await.unwrap();
    let of_groups =
        call(&ctx, "DescribeResourcePolicies", json!({ "policyScope": "RESOURCE" })).await.unwrap();
    assert_eq!(of_groups["resourcePolicies"], json!([]));
}

#[tokio::test]
async fn what_is_no_policy_is_refused() {
    let ctx = with_streams(&[]).await;
    let bad = json!({ "policyName": "p", "policyDocument": "{" });
    assert!(call(&ctx, "PutResourcePolicy", bad).await.unwrap_err().starts_with("InvalidParameterException"));
    let nameless = json!({ "policyDocument": DOCUMENT });
    assert!(call(&ctx, "PutResourcePolicy", nameless).await.unwrap_err().contains("policyName"));
    let mut missing = policy("p");
    missing["resourceArn"] = json!(format!("{GROUP}-missing"));
    assert!(call(&ctx, "PutResourcePolicy", missing).await.unwrap_err().starts_with("ResourceNotFound"));
}
