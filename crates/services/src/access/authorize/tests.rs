//! Users with policies, asked for as clients do it.

use auth::Principal;
use serde_json::{Value as Json, json};
use store::Versioned;

use super::*;
use crate::iam::store::UserRow;
use crate::testing;
use crate::{ROOMS, runner};

/// Runs an operation of a service; the error's text where it fails.
async fn call(ctx: &OpCtx, service: &str, operation: &str, input: Json) -> Result<Json, String> {
    let room = ROOMS.iter().find(|room| room.service.signing_name == service).unwrap();
    let model = room.service.operation(operation).expect("the operation is modelled");
    let body = serde_json::to_vec(&input).unwrap();
    let input = wire::protocol::json::decode(model, &body).expect("the input has the model's types");
    let output = runner::run(room, model, ctx.clone(), input).await;
    let bytes = wire::protocol::json::encode(model, &output.map_err(|error| error.to_string())?);
    Ok(serde_json::from_slice(&bytes).unwrap_or_default())
}

/// The same cloud with a user of this name as the caller.
async fn user(root: &OpCtx, name: &str) -> OpCtx {
    call(root, "iam", "CreateUser", json!({ "UserName": name })).await.unwrap();
    let key = store::key![root.scope.account, name];
    let row: Versioned<UserRow> = root.cloud.store.get(&key).unwrap();
    let principal = Principal {
        account: root.scope.account.clone(),
        arn: row.row.0.arn(),
        user_id: row.row.0.identity.id.clone(),
        kind: PrincipalKind::User,
        access_key_id: "AKIAEVE".into(),
        session: None,
    };
    OpCtx { principal, ..root.clone() }
}

async fn put(root: &OpCtx, name: &str, statement: Json) {
    let document = json!({ "Version": "2012-10-17", "Statement": statement }).to_string();
    let input = json!({ "UserName": name, "PolicyName": "own", "PolicyDocument": document });
    call(root, "iam", "PutUserPolicy", input).await.unwrap();
}

async fn refused(ctx: &OpCtx, service: &str, operation: &str, input: Json, expected: &str) {
    assert_eq!(call(ctx, service, operation, input).await.unwrap_err(), expected, "{operation}");
}

#[tokio::test]
async fn what_nobody_has_allowed_is_refused_in_iams_words() {
    let root = testing::ctx().await;
    let eve = user(&root, "eve").await;
    refused(
        &eve,
        "ecs",
        "ListClusters",
        json!({}),
        "AccessDeniedException: User: arn:aws:iam::123456789012:user/eve is not authorized to perform: ecs:ListClusters on \
         resource: * because no identity-based policy allows the ecs:ListClusters action",
    )
    .await;
    let denied = call(&eve, "iam", "ListUsers", json!({})).await.unwrap_err();
    assert!(denied.starts_with("AccessDenied: User: "), "{denied}");
    let denied = call(&eve, "ec2", "DescribeVpcs", json!({})).await.unwrap_err();
    assert!(
        denied.starts_with("UnauthorizedOperation: You are not authorized to perform this operation. User: ")
    );
    call(&eve, "sts", "GetCallerIdentity", json!({})).await.unwrap();
    put(&root, "eve", json!({ "Effect": "Allow", "Action": "ecs:*", "Resource": "*" })).await;
    call(&eve, "ecs", "ListClusters", json!({})).await.unwrap();
    put(
        &root,
        "eve",
        json!([{ "Effect": "Allow", "Action": "*", "Resource": "*" }, { "Effect": "Deny", "Action": "ecs:L*", "Resource": "*" }]),
    )
    .await;
    refused(
        &eve,
        "ecs",
        "ListClusters",
        json!({}),
        "AccessDeniedException: User: arn:aws:iam::123456789012:user/eve is not authorized to perform: ecs:ListClusters on \
         resource: * with an explicit deny in an identity-based policy",
    )
    .await;
}

#[tokio::test]
async fn groups_boundaries_and_managed_policies_count() {
    let root = testing::ctx().await;
    let eve = user(&root, "eve").await;
    let may = async || call(&eve, "ecs", "ListClusters", json!({})).await.is_ok();
    call(&root, "iam", "CreateGroup", json!({ "GroupName": "ops" })).await.unwrap();
    let arn = "arn:aws:iam::aws:policy/AmazonECS_FullAccess";
    call(&root, "iam", "AttachGroupPolicy", json!({ "GroupName": "ops", "PolicyArn": arn })).await.unwrap();
    assert!(!may().await);
    let member = json!({ "GroupName": "ops", "UserName": "eve" });
    call(&root, "iam", "AddUserToGroup", member.clone()).await.unwrap();
    assert!(may().await);
    let document = json!({ "Version": "2012-10-17", "Statement": { "Effect": "Allow", "Action": "ecr:*", "Resource": "*" } });
    let made = call(
        &root,
        "iam",
        "CreatePolicy",
        json!({ "PolicyName": "bound", "PolicyDocument": document.to_string() }),
    );
    let bound = made.await.unwrap()["Policy"]["Arn"].clone();
    let boundary = json!({ "UserName": "eve", "PermissionsBoundary": bound });
    call(&root, "iam", "PutUserPermissionsBoundary", boundary).await.unwrap();
    let denied = call(&eve, "ecs", "ListClusters", json!({})).await.unwrap_err();
    assert!(
        denied.ends_with("because no permissions boundary allows the ecs:ListClusters action"),
        "{denied}"
    );
    call(&root, "iam", "DeleteUserPermissionsBoundary", json!({ "UserName": "eve" })).await.unwrap();
    assert!(may().await);
    call(&root, "iam", "RemoveUserFromGroup", member).await.unwrap();
    assert!(!may().await);
}

#[tokio::test]
async fn tags_of_requests_and_resources_are_keys() {
    let root = testing::ctx().await;
    let eve = user(&root, "eve").await;
    let tagged =
        |name: &str, team: &str| json!({ "clusterName": name, "tags": [{ "key": "team", "value": team }] });
    call(&root, "ecs", "CreateCluster", tagged("theirs", "blue")).await.unwrap();
    put(
        &root,
        "eve",
        json!([
            { "Effect": "Allow", "Action": ["ecs:CreateCluster", "ecs:TagResource"], "Resource": "*",
              "Condition": { "StringEquals": { "aws:RequestTag/team": "red" } } },
            { "Effect": "Allow", "Action": "ecs:DeleteCluster", "Resource": "*",
              "Condition": { "StringEquals": { "aws:ResourceTag/team": "${aws:username}" } } },
        ]),
    )
    .await;
    assert!(call(&eve, "ecs", "CreateCluster", tagged("mine", "blue")).await.is_err());
    assert!(call(&eve, "ecs", "CreateCluster", json!({ "clusterName": "mine" })).await.is_err());
    call(&eve, "ecs", "CreateCluster", tagged("mine", "red")).await.unwrap();
    assert!(call(&eve, "ecs", "DeleteCluster", json!({ "cluster": "theirs" })).await.is_err());
    call(&root, "ecs", "CreateCluster", tagged("hers", "eve")).await.unwrap();
    call(&eve, "ecs", "DeleteCluster", json!({ "cluster": "hers" })).await.unwrap();
}

/// The least input that an operation decodes.
fn least(schema: &wire::Schema) -> wire::Value {
    use wire::Value;
    use wire::schema::Kind;
    match &schema.kind {
        Kind::Boolean => Value::Bool(false),
        Kind::Integer | Kind::Long => Value::Integer(1),
        Kind::Float | Kind::Double => Value::Float(1.0),
        Kind::String => Value::String("x".into()),
        Kind::Blob => Value::Blob(Vec::new()),
        Kind::Timestamp(_) => Value::Timestamp(0),
        Kind::List(_) => Value::List(Vec::new()),
        Kind::Map(_) => Value::Map(Vec::new()),
        Kind::Structure(structure) => {
            let required = structure.members.iter().filter(|member| member.required);
            Value::Map(required.map(|member| (member.name.into(), least(member.schema))).collect())
        }
        Kind::Document => Value::Null,
    }
}

#[tokio::test]
async fn every_operation_asks_for_the_action_of_its_own_name() {
    let ctx = testing::ctx().await;
    let mut wrong = Vec::new();
    for (room, entry) in ROOMS.iter().flat_map(|room| room.operations.iter().map(move |entry| (room, entry)))
    {
        let prefix = match room.service.signing_name {
            "monitoring" => "cloudwatch",
            name => name,
        };
        let input = entry.model.input.map_or(wire::Value::Map(Vec::new()), least);
        let access = (entry.access)(&ctx, input).unwrap_or_else(|error| panic!("{entry:?}: {error}"));
        if access.action != format!("{prefix}:{}", entry.model.name) {
            wrong.push(format!("{prefix}:{} asks for {}", entry.model.name, access.action));
        }
        let free =
            matches!(access.action, "sts:AssumeRole" | "sts:GetCallerIdentity" | "sts:GetSessionToken");
        assert_eq!(access.resources.is_empty(), free, "{entry:?}");
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
