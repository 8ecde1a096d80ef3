//! ModifyLoadBalancerAttributes.
//!
//! Deviation: `access_logs.s3.bucket` names a log group of CloudWatch Logs, which must exist, and
//! `access_logs.s3.prefix` begins the name of the stream in it: `PREFIX/AWSLogs/ACCOUNT/elasticloadbalancing/REGION/app.NAME.ID`.
//! Each line, in the format of an access log of ELB, is an event, written within seconds.
//! Of a WebSocket only the heads are counted, and its line is written when it begins.
//!
//! Deviation: connection logs, health check logs and the access logs of Network Load Balancers are refused.

use model::Scope;
use model::elbv2::{Attributes, LoadBalancer, LoadBalancerKind, attribute};
use store::{Snapshot, Txn};
use wire::elbv2 as shapes;

use super::describe_load_balancer_attributes::attributes as attributes_of;
use crate::access::Access;
use crate::context::OpCtx;
use crate::elbv2::error::{Code, Error};
use crate::elbv2::find;
use crate::elbv2::store::LoadBalancerRow;
use crate::elbv2::wire::attribute as attribute_wire;
use crate::error::ServiceError;
use crate::logs;
use crate::room::Handler;

impl Handler for shapes::ModifyLoadBalancerAttributes {
    fn access(_: &OpCtx, input: &Self::Input) -> Access {
        Access::new("elasticloadbalancing:ModifyLoadBalancerAttributes", &input.load_balancer_arn)
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let snapshot = ctx.cloud.store.snapshot();
        let found = find::load_balancer(&snapshot, &ctx.scope, &input.load_balancer_arn)?;
        let logs = input
            .attributes
            .iter()
            .any(|pair| pair.key.as_ref().is_some_and(|key| key.starts_with("access_logs.s3.")));
        let pairs = input.attributes.into_iter().map(|pair| (pair.key, pair.value));
        let known = attribute::of_load_balancer(found.id.kind);
        let attributes = attribute_wire::set(&found.attributes, known, pairs, "Load balancer")?;
        if logs && found.id.kind == LoadBalancerKind::Application {
            check_access_log(&snapshot, &ctx.scope, &attributes)?;
        }
        let row = LoadBalancerRow(LoadBalancer { attributes, ..found.row.0.clone() });
        ctx.cloud.store.commit(Txn::new().update(&found, &row)).await.map_err(Error::from)?;
        Ok(Self::Output { attributes: Some(attributes_of(&row)) })
    }
}

/// Refuses an access log that could not be written.
fn check_access_log(snapshot: &Snapshot, scope: &Scope, attributes: &Attributes) -> Result<(), Error> {
    let known = attribute::of_load_balancer(LoadBalancerKind::Application);
    let value = |key| attributes.value(known, key);
    let prefix = value("access_logs.s3.prefix");
    if prefix.contains("AWSLogs") || prefix.contains([':', '*']) {
        return Err(Error::unsupported(format!(
            "The access log prefix '{prefix}' is not valid: it must not contain 'AWSLogs', ':' or '*'"
        )));
    }
    if value("access_logs.s3.enabled") != "true" {
        return Ok(());
    }
    match value("access_logs.s3.bucket") {
        "" => Err(Error::validation("The value of 'access_logs.s3.bucket' cannot be empty")),
        bucket if logs::door::has_group(snapshot, scope, bucket) => Ok(()),
        bucket => Err(Error::client(
            Code::InvalidConfigurationRequest,
            format!("Access Denied for bucket: {bucket}. There is no log group of this name"),
        )),
    }
}
