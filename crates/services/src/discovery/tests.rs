//! What the doors of Cloud Map give: records of instances, as a VPC's tasks see them.

use std::collections::BTreeMap;

use ::wire::link::{NameRecords, Resolution};
use ::wire::servicediscovery as shapes;
use model::discovery::InstanceHealth;
use model::id::SeededIds;
use store::Txn;

use super::door::{self, Registration};
use crate::context::OpCtx;
use crate::room::Handler;
use crate::testing;

/// A cloud with the service `cart` in `shop.local`, served in the default VPC; its id and the VPC's.
async fn shop(kinds: &[&str], routing: &str) -> (OpCtx, String, String) {
    let ctx = testing::ctx().await;
    let vpcs = ::wire::ec2::DescribeVpcs::run(&ctx, Default::default()).await.unwrap().vpcs.unwrap();
    let vpc = vpcs[0].vpc_id.clone().unwrap();
    let namespace = shapes::CreatePrivateDnsNamespaceRequest {
        name: "shop.local".into(),
        vpc: vpc.clone(),
        ..Default::default()
    };
    let created = shapes::CreatePrivateDnsNamespace::run(&ctx, namespace).await.unwrap();
    let operation =
        shapes::GetOperationRequest { operation_id: created.operation_id.unwrap(), ..Default::default() };
    let done = shapes::GetOperation::run(&ctx, operation).await.unwrap().operation.unwrap();
    let record = |kind: &&str| shapes::DnsRecord { r#type: (*kind).into(), ttl: 10 };
    let service = shapes::CreateServiceRequest {
        name: "cart".into(),
        namespace_id: done.targets.unwrap().remove("NAMESPACE"),
        dns_config: Some(shapes::DnsConfig {
            namespace_id: None,
            routing_policy: Some(routing.into()),
            dns_records: kinds.iter().map(record).collect(),
        }),
        health_check_custom_config: Some(Default::default()),
        ..Default::default()
    };
    let service = shapes::CreateService::run(&ctx, service).await.unwrap().service.unwrap();
    (ctx, service.id.unwrap(), vpc)
}

async fn register(ctx: &OpCtx, service: &str, id: &str, attributes: &[(&str, &str)]) -> Result<(), String> {
    let attributes: BTreeMap<_, _> =
        attributes.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    let told = Registration {
        scope: &ctx.scope,
        service,
        instance_id: id,
        attributes,
        creator_request_id: None,
        now: ctx.now,
    };
    let snapshot = ctx.cloud.store.snapshot();
    let txn = door::register_instance(&snapshot, Txn::new(), &told).map_err(|error| error.to_string())?;
    if !txn.is_read_only() {
        ctx.cloud.store.commit(txn).await.unwrap();
    }
    Ok(())
}

fn resolve(ctx: &OpCtx, vpc: &str, name: &str) -> Option<Resolution> {
    door::resolve(&ctx.cloud.store.snapshot(), vpc, name, &mut SeededIds::new(1))
}

fn records(ctx: &OpCtx, vpc: &str, name: &str) -> NameRecords {
    match resolve(ctx, vpc, name) {
        Some(Resolution::Records(records)) => records,
        other => panic!("{name}: {other:?}"),
    }
}

#[tokio::test]
async fn a_name_has_the_addresses_of_healthy_instances() {
    let (ctx, service, vpc) = shop(&["A"], "MULTIVALUE").await;
    assert_eq!(resolve(&ctx, &vpc, "cart.shop.local"), Some(Resolution::Nothing));
    assert_eq!(resolve(&ctx, "vpc-0", "cart.shop.local"), None);
    assert_eq!(resolve(&ctx, &vpc, "cart.bookshop.local"), None);
    for last in 1..=10 {
        let address = format!("10.0.0.{last}");
        register(&ctx, &service, &last.to_string(), &[("AWS_INSTANCE_IPV4", &address)]).await.unwrap();
    }
    assert_eq!(records(&ctx, &vpc, "CART.shop.local").addresses.len(), 8);
    assert!(records(&ctx, &vpc, "shop.local").addresses.is_empty());
    for last in 2..=10 {
        let snapshot = ctx.cloud.store.snapshot();
        let health = InstanceHealth::Unhealthy;
        let txn = door::set_health(&snapshot, Txn::new(), &ctx.scope, &service, &last.to_string(), health);
        ctx.cloud.store.commit(txn).await.unwrap();
    }
    assert_eq!(records(&ctx, &vpc, "cart.shop.local").addresses, [std::net::Ipv4Addr::new(10, 0, 0, 1)]);
}

#[tokio::test]
async fn a_port_makes_a_service_record_with_its_host() {
    let (ctx, service, vpc) = shop(&["SRV"], "WEIGHTED").await;
    let refused = register(&ctx, &service, "i", &[("AWS_INSTANCE_IPV4", "10.0.0.1")]).await.unwrap_err();
    assert_eq!(refused, "The attribute AWS_INSTANCE_PORT is required for the service's DNS records.");
    let attributes = [("AWS_INSTANCE_IPV4", "10.0.0.1"), ("AWS_INSTANCE_PORT", "8080")];
    register(&ctx, &service, "i", &attributes).await.unwrap();
    let found = records(&ctx, &vpc, "cart.shop.local").services;
    assert_eq!((found[0].port, found[0].target.as_str()), (8080, "i.cart.shop.local"));
    assert_eq!(records(&ctx, &vpc, "i.cart.shop.local").addresses.len(), 1);
    assert_eq!(resolve(&ctx, &vpc, "j.cart.shop.local"), Some(Resolution::Nothing));
}

#[tokio::test]
async fn saying_it_twice_changes_nothing() {
    let (ctx, service, _) = shop(&["A"], "MULTIVALUE").await;
    let revision = async || {
        let input = shapes::DiscoverInstancesRevisionRequest {
            namespace_name: "shop.local".into(),
            service_name: "cart".into(),
            owner_account: None,
        };
        shapes::DiscoverInstancesRevision::run(&ctx, input).await.unwrap().instances_revision
    };
    register(&ctx, &service, "i", &[("AWS_INSTANCE_IPV4", "10.0.0.1")]).await.unwrap();
    let first = revision().await;
    register(&ctx, &service, "i", &[("AWS_INSTANCE_IPV4", "10.0.0.1")]).await.unwrap();
    assert_eq!(revision().await, first);
    for _ in 0..2 {
        let snapshot = ctx.cloud.store.snapshot();
        let txn = door::deregister_instance(&snapshot, Txn::new(), &ctx.scope, &service, "i");
        if !txn.is_read_only() {
            ctx.cloud.store.commit(txn).await.unwrap();
        }
    }
    assert_eq!(revision().await, first.map(|revision| revision + 1));
}
