//! CreateService: a service of a namespace.
//!
//! Deviation: Route 53 health checks and AAAA records are refused.

use std::collections::BTreeMap;

use ::wire::servicediscovery as shapes;
use model::discovery::{NamespaceKind, Service};
use store::Txn;

use crate::access::Access;
use crate::context::OpCtx;
use crate::discovery::error::Error;
use crate::discovery::namespaces;
use crate::discovery::store::{self as tables, ServiceRow};
use crate::discovery::wire;
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::CreateService {
    fn access(_: &OpCtx, _: &Self::Input) -> Access {
        Access::any("servicediscovery:CreateService")
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let snapshot = ctx.cloud.store.snapshot();
        let dns_namespace = input.dns_config.as_ref().and_then(|dns| dns.namespace_id.clone());
        let namespace = input.namespace_id.or(dns_namespace);
        let namespace = namespace.ok_or_else(|| Error::Input("A namespace is required.".into()))?;
        let namespace = tables::namespace(&snapshot, &ctx.scope, &namespace)?;
        if input.health_check_config.is_some() {
            return Err(Error::Input("HealthCheckConfig is for public DNS namespaces.".into()).into());
        }
        let dns = input.dns_config.as_ref().map(wire::read_dns).transpose()?;
        if dns.is_some() && (namespace.kind == NamespaceKind::Http || input.r#type.as_deref() == Some("HTTP"))
        {
            return Err(Error::Input("A service of HTTP discovery has no DNS configuration.".into()).into());
        }
        if let Some(known) = tables::service_called(&snapshot, &namespace, &input.name) {
            let same = known.dns == dns
                && known.description == input.description
                && known.custom_health == input.health_check_custom_config.is_some();
            if same
                && known.creator_request_id.is_some()
                && known.creator_request_id == input.creator_request_id
            {
                let instances = tables::instance_count(&snapshot, &known);
                return Ok(Self::Output { service: Some(wire::service(&known, instances)) });
            }
            let (id, arn) = (known.id.clone(), known.arn().to_string());
            let creator_request_id = known.creator_request_id.clone();
            return Err(Error::ServiceExists { id, arn, creator_request_id }.into());
        }
        let service = Service {
            scope: ctx.scope.clone(),
            id: format!("srv-{}", namespaces::short_id(ctx)),
            namespace_id: namespace.id.clone(),
            name: input.name,
            description: input.description,
            dns,
            custom_health: input.health_check_custom_config.is_some(),
            creator_request_id: input.creator_request_id,
            created_at: ctx.now,
            attributes: BTreeMap::new(),
            tags: wire::read_tags(input.tags)?,
            revision: 1,
        };
        // The namespace's record is written anew, so that two services of one name or a deletion cannot pass each other.
        let same = namespace.row.as_ref().clone();
        let txn = Txn::new().update(&namespace, &same).insert(&ServiceRow(service.clone()));
        ctx.cloud.store.commit(txn).await.map_err(Error::Store)?;
        Ok(Self::Output { service: Some(wire::service(&service, 0)) })
    }
}
