//! The room's operations, asked and answered in JSON as clients do it.
//!
//! Each file tests a family of operations: its golden answers, and a refusal for every
//! exception that it documents.

mod clusters;
mod instances;
mod register;
mod services;
mod settings;
mod tags;
mod task_definitions;
mod tasks;

use model::Timestamp;
use serde_json::Value as Json;
use wire::Protocol;

use crate::context::OpCtx;
use crate::ecs::ROOM;
use crate::testing;

/// A cloud that can be called.
pub(super) struct World {
    pub ctx: OpCtx,
}

impl World {
    /// An empty cloud.
    pub async fn new() -> Self {
        World { ctx: testing::ctx().await }
    }

    /// Lets time pass.
    pub fn advance(&mut self, millis: i64) {
        self.ctx.now = Timestamp::from_millis(self.ctx.now.as_millis() + millis);
    }

    /// Calls an operation: the answer, or `Code: message`.
    pub async fn call(&self, operation: &str, input: Json) -> Result<Json, String> {
        let model = ROOM.service.operation(operation).expect("the operation is modelled");
        let body = serde_json::to_vec(&input).unwrap();
        let input =
            wire::protocol::json::decode(model, &body).expect("the test's input has the model's types");
        let output = crate::runner::run(&ROOM, model, self.ctx.clone(), input).await;
        let output = output.map_err(|error| error.to_string())?;
        let bytes = wire::protocol::json::encode(model, &output);
        Ok(serde_json::from_slice(&bytes).expect("answers are JSON"))
    }

    /// Calls an operation that must succeed, and compares the whole answer.
    pub async fn check(&self, operation: &str, input: Json, expected: Json) {
        let found = self.call(operation, input).await.unwrap_or_else(|error| panic!("{operation}: {error}"));
        pretty(&found, &expected, operation);
    }

    /// Calls an operation that must be refused.
    pub async fn refused(&self, operation: &str, input: Json, expected: &str) {
        match self.call(operation, input).await {
            Ok(answer) => panic!("{operation} answered {answer}"),
            Err(error) => assert_eq!(error, expected, "{operation}"),
        }
    }

    /// Calls an operation for its effect.
    pub async fn done(&self, operation: &str, input: Json) -> Json {
        self.call(operation, input).await.unwrap_or_else(|error| panic!("{operation}: {error}"))
    }

    /// All items of a paged list, `size` at a time; no page may be larger.
    pub async fn pages(&self, operation: &str, input: Json, list: &str, size: usize) -> Vec<String> {
        let (mut all, mut token) = (Vec::new(), None::<String>);
        for _ in 0..1000 {
            let mut input = input.clone();
            input["maxResults"] = size.into();
            if let Some(token) = &token {
                input["nextToken"] = token.as_str().into();
            }
            let answer = self.done(operation, input).await;
            let items = answer[list].as_array().unwrap();
            assert!(items.len() <= size);
            all.extend(items.iter().map(|item| item.as_str().unwrap().to_owned()));
            token = answer["nextToken"].as_str().map(str::to_owned);
            if token.is_none() {
                return all;
            }
        }
        panic!("{operation} never ends");
    }
}

fn pretty(found: &Json, expected: &Json, operation: &str) {
    let text = |value: &Json| serde_json::to_string_pretty(value).unwrap();
    assert!(found == expected, "{operation}:\nfound {}\nexpected {}", text(found), text(expected));
}

/// `arn:aws:ecs:us-east-2:123456789012:…` in the test's scope.
pub(super) fn arn(resource: &str) -> String {
    format!("arn:aws:ecs:us-east-2:123456789012:{resource}")
}

/// A request for the smallest Fargate task definition.
pub(super) fn definition(family: &str) -> Json {
    serde_json::json!({
        "family": family,
        "requiresCompatibilities": ["FARGATE"],
        "networkMode": "awsvpc",
        "cpu": "256",
        "memory": "512",
        "containerDefinitions": [{ "name": "web", "image": "web:1" }],
    })
}

#[tokio::test]
async fn every_served_operation_speaks_json() {
    let world = World::new().await;
    assert!(ROOM.service.speaks(Protocol::Json));
    // Empty input reaches the handler or a refusal of the room's own, and never a failure of ours.
    for entry in ROOM.operations {
        let answer = world.call(entry.model.name, serde_json::json!({})).await;
        if let Err(error) = answer {
            let code = error.split(':').next().unwrap_or_default();
            assert!(entry.model.errors.contains(&code), "{}: {error}", entry.model.name);
        }
    }
}
