//! The room's operations, asked and answered as clients do it; in JSON, which is easier to read than forms and XML.
//!
//! Each file tests a family of operations: its answers, and refusals for the errors that it documents.

mod listeners;
mod load_balancers;
mod rules;
mod target_groups;
mod targets;

use model::Timestamp;
use serde_json::{Value as Json, json};

use crate::context::OpCtx;
use crate::elbv2::ROOM;
use crate::testing;

/// A cloud that can be called.
pub(super) struct World {
    pub(super) ctx: OpCtx,
    /// The default VPC.
    pub(super) vpc: String,
    /// Its subnets, one a zone.
    pub(super) subnets: Vec<String>,
}

impl World {
    /// A cloud with its default VPC.
    pub(super) async fn new() -> Self {
        let ctx = testing::ctx().await;
        let described = <::wire::ec2::DescribeSubnets as crate::Handler>::run(&ctx, Default::default()).await;
        let subnets = described.unwrap().subnets.unwrap();
        let vpc = subnets[0].vpc_id.clone().unwrap();
        let subnets = subnets.into_iter().filter_map(|subnet| subnet.subnet_id).collect();
        World { ctx, vpc, subnets }
    }

    /// Lets time pass.
    pub(super) fn advance(&mut self, seconds: i64) {
        self.ctx.now = Timestamp::from_millis(self.ctx.now.as_millis() + seconds * 1000);
    }

    /// Calls an operation: the answer, or `Code: message`.
    pub(super) async fn call(&self, operation: &str, input: Json) -> Result<Json, String> {
        let model = ROOM.service.operation(operation).expect("the operation is modelled");
        let body = serde_json::to_vec(&input).unwrap();
        let input = ::wire::protocol::json::decode(model, &body).expect("the input has the model's types");
        let output = crate::runner::run(&ROOM, model, self.ctx.clone(), input).await;
        let output = output.map_err(|error| error.to_string())?;
        let bytes = ::wire::protocol::json::encode(model, &output);
        Ok(serde_json::from_slice(&bytes).expect("answers are JSON"))
    }

    /// Calls an operation that must succeed.
    pub(super) async fn done(&self, operation: &str, input: Json) -> Json {
        self.call(operation, input).await.unwrap_or_else(|error| panic!("{operation}: {error}"))
    }

    /// Calls an operation that must be refused with this beginning.
    pub(super) async fn refused(&self, operation: &str, input: Json, expected: &str) {
        match self.call(operation, input.clone()).await {
            Ok(answer) => panic!("{operation} {input} answered {answer}"),
            Err(error) => assert!(error.starts_with(expected), "{operation} {input}: {error}"),
        }
    }

    /// Makes an application load balancer; its ARN.
    pub(super) async fn load_balancer(&self, name: &str) -> String {
        let input = json!({ "Name": name, "Subnets": self.subnets });
        text(&self.done("CreateLoadBalancer", input).await["LoadBalancers"][0]["LoadBalancerArn"])
    }

    /// Makes a target group for addresses; its ARN.
    pub(super) async fn target_group(&self, name: &str, protocol: &str) -> String {
        let input = json!({
            "Name": name, "Protocol": protocol, "Port": 80, "VpcId": self.vpc, "TargetType": "ip",
        });
        text(&self.done("CreateTargetGroup", input).await["TargetGroups"][0]["TargetGroupArn"])
    }

    /// Makes an HTTP listener that forwards to a group; its ARN.
    pub(super) async fn listener(&self, load_balancer: &str, port: u16, group: &str) -> String {
        let input = json!({
            "LoadBalancerArn": load_balancer, "Protocol": "HTTP", "Port": port,
            "DefaultActions": [{ "Type": "forward", "TargetGroupArn": group }],
        });
        text(&self.done("CreateListener", input).await["Listeners"][0]["ListenerArn"])
    }
}

/// A text in an answer.
pub(super) fn text(value: &Json) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}

/// An ARN of the room in the test's scope.
pub(super) fn arn(resource: &str) -> String {
    format!("arn:aws:elasticloadbalancing:us-east-2:123456789012:{resource}")
}

#[tokio::test]
async fn every_served_operation_answers_or_refuses_in_elbs_words() {
    let world = World::new().await;
    for entry in ROOM.operations {
        if let Err(error) = world.call(entry.model.name, json!({})).await {
            let code = error.split(':').next().unwrap_or_default();
            assert_eq!(code, "ValidationError", "{}: {error}", entry.model.name);
        }
    }
}

#[tokio::test]
async fn broken_constraints_are_named_in_lower_camel_case() {
    let world = World::new().await;
    world
        .refused(
            "DescribeLoadBalancers",
            json!({ "PageSize": 401 }),
            "ValidationError: 1 validation error detected: Value '401' at 'pageSize' failed to satisfy constraint",
        )
        .await;
}
