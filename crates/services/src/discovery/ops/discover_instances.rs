//! DiscoverInstances: by the names of namespace and service, as applications ask.

use std::collections::BTreeMap;

use ::wire::servicediscovery as shapes;
use model::discovery::{Instance, InstanceHealth};

use crate::access::Access;
use crate::context::OpCtx;
use crate::discovery::store as tables;
use crate::discovery::wire;
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::DiscoverInstances {
    fn access(_: &OpCtx, input: &Self::Input) -> Access {
        Access::any("servicediscovery:DiscoverInstances")
            .with("servicediscovery:NamespaceName", &input.namespace_name)
            .with("servicediscovery:ServiceName", &input.service_name)
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let snapshot = ctx.cloud.store.snapshot();
        let (namespace, service) = super::called(ctx, &snapshot, &input.namespace_name, &input.service_name)?;
        let required = input.query_parameters.unwrap_or_default();
        let fits = |it: &Instance, wanted: &BTreeMap<String, String>| {
            wanted.iter().all(|(name, value)| it.attributes.get(name) == Some(value))
        };
        let mut found: Vec<_> = tables::instances_of(&snapshot, &service);
        found.retain(|it| fits(it, &required));
        if let Some(optional) = input.optional_parameters.filter(|_| found.iter().any(|it| !it.id.is_empty()))
            && found.iter().any(|it| fits(it, &optional))
        {
            found.retain(|it| fits(it, &optional));
        }
        // An instance without a health check counts as healthy.
        let healthy = |it: &Instance| it.health == InstanceHealth::Healthy;
        match input.health_status.as_deref().unwrap_or("HEALTHY_OR_ELSE_ALL") {
            "ALL" => {}
            "HEALTHY" => found.retain(|it| healthy(it)),
            "UNHEALTHY" => found.retain(|it| !healthy(it)),
            _or_else_all if found.iter().any(|it| healthy(it)) => found.retain(|it| healthy(it)),
            _or_else_all => {}
        }
        let limit = input.max_results.and_then(|most| usize::try_from(most).ok()).unwrap_or(DEFAULT_LIMIT);
        found.truncate(limit);
        let summary = |it: &Instance| shapes::HttpInstanceSummary {
            instance_id: Some(it.id.clone()),
            namespace_name: Some(namespace.name.clone()),
            service_name: Some(service.name.clone()),
            health_status: Some(wire::health(&service, it.health).into()),
            attributes: Some(it.attributes.clone()),
        };
        Ok(Self::Output {
            instances: Some(found.iter().map(|it| summary(it)).collect()),
            instances_revision: Some(service.revision),
        })
    }
}

/// Instances of an answer where the caller says no number.
const DEFAULT_LIMIT: usize = 100;
