//! ModifyLoadBalancerAttributes.
//!
//! Deviation: `access_logs.s3.bucket` and `connection_logs.s3.bucket` name a log group of CloudWatch Logs, which must exist, and
//! the prefix begins the name of the stream in it: `PREFIX/AWSLogs/ACCOUNT/elasticloadbalancing/REGION/app.NAME.ID`,
//! `net.NAME.ID` or `conn_log.app.NAME.ID`. Each line, in ELB's format, is an event, written within seconds.
//! Of a WebSocket only the heads are counted, and its line is written when it begins.
//!
//! Deviation: a connection without TLS is logged with its first request, which tells whose it is.
//!
//! Deviation: health check logs are refused.

use model::Scope;
use model::elbv2::{Attributes, LoadBalancer, LoadBalancerKind, attribute};
use store::{Snapshot, Txn};
use wire::elbv2 as shapes;
use wire::link::LogKind;

use super::describe_load_balancer_attributes::attributes as attributes_of;
use crate::access::Access;
use crate::context::OpCtx;
use crate::elbv2::error::{Code, Error};
use crate::elbv2::find;
use crate::elbv2::store::LoadBalancerRow;
use crate::elbv2::traffic;
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
        let keys: Vec<_> = input.attributes.iter().filter_map(|pair| pair.key.clone()).collect();
        let pairs = input.attributes.into_iter().map(|pair| (pair.key, pair.value));
        let known = attribute::of_load_balancer(found.id.kind);
        let attributes = attribute_wire::set(&found.attributes, known, pairs, "Load balancer")?;
        for log in [LogKind::Access, LogKind::Connection].map(traffic::log_attributes) {
            if keys.iter().any(|key| key.starts_with(log)) {
                check_log(&snapshot, &ctx.scope, found.id.kind, &attributes, log)?;
            }
        }
        let row = LoadBalancerRow(LoadBalancer { attributes, ..found.row.0.clone() });
        ctx.cloud.store.commit(Txn::new().update(&found, &row)).await.map_err(Error::from)?;
        Ok(Self::Output { attributes: Some(attributes_of(&row)) })
    }
}

/// Refuses a log that could not be written.
fn check_log(
    snapshot: &Snapshot,
    scope: &Scope,
    kind: LoadBalancerKind,
    attributes: &Attributes,
    log: &str,
) -> Result<(), Error> {
    let known = attribute::of_load_balancer(kind);
    let value = |key: &str| attributes.value(known, &format!("{log}{key}"));
    let prefix = value("prefix");
    if prefix.contains("AWSLogs") || prefix.contains([':', '*']) {
        return Err(Error::unsupported(format!(
            "The access log prefix '{prefix}' is not valid: it must not contain 'AWSLogs', ':' or '*'"
        )));
    }
    if value("enabled") != "true" {
        return Ok(());
    }
    match value("bucket") {
        "" => Err(Error::validation(format!("The value of '{log}bucket' cannot be empty"))),
        bucket if logs::door::has_group(snapshot, scope, bucket) => Ok(()),
        bucket => Err(Error::client(
            Code::InvalidConfigurationRequest,
            format!("Access Denied for bucket: {bucket}. There is no log group of this name"),
        )),
    }
}
