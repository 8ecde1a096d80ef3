//! CreatePrivateDnsNamespace: a namespace whose names the tasks of one VPC can ask for.

use ::wire::servicediscovery as shapes;
use model::discovery::NamespaceKind;

use crate::access::Access;
use crate::context::OpCtx;
use crate::discovery::error::Error;
use crate::discovery::namespaces;
use crate::ec2;
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::CreatePrivateDnsNamespace {
    fn access(_: &OpCtx, _: &Self::Input) -> Access {
        Access::any("servicediscovery:CreatePrivateDnsNamespace")
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let snapshot = ctx.cloud.store.snapshot();
        if !ec2::names::is_vpc(&snapshot, &ctx.scope, &input.vpc) {
            return Err(Error::Input(format!("The VPC {} can't be found.", input.vpc)).into());
        }
        if !is_domain(&input.name) {
            return Err(Error::Input(format!("The name {} is no domain name.", input.name)).into());
        }
        let soa = input.properties.map(|properties| properties.dns_properties.soa.ttl);
        let soa_ttl = u32::try_from(soa.unwrap_or(DEFAULT_TTL));
        let soa_ttl = soa_ttl.map_err(|_| Error::Input("The TTL is out of range.".into()))?;
        let hosted_zone_id = format!("Z{}", ctx.ids.with(|ids| ids.base32(20)));
        let namespace = namespaces::New {
            name: input.name,
            kind: NamespaceKind::PrivateDns { vpc_id: input.vpc, hosted_zone_id, soa_ttl },
            description: input.description,
            creator_request_id: input.creator_request_id,
            tags: input.tags,
        };
        let operation_id = Some(namespaces::create(ctx, namespace).await?);
        Ok(Self::Output { operation_id })
    }
}

/// Cloud Map's own.
const DEFAULT_TTL: i64 = 15;

/// Whether a name is a domain name: labels of letters, digits and hyphens.
fn is_domain(name: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
    };
    name.len() <= 253 && name.split('.').all(label)
}
