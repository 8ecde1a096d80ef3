//! CreateCluster: makes a cluster, or answers with the one that exists already.

use model::ecs::cluster::{Cluster, ClusterConfiguration, ClusterStatus, ContainerInsights, StrategyItem};
use model::ecs::setting::SettingName;
use model::ecs::{ClusterName, Tags, TextEnum};
use store::{Txn, key};
use wire::ecs::{CreateCluster, CreateClusterRequest, CreateClusterResponse};

use crate::access::Access;
use crate::context::OpCtx;
use crate::ecs::connect;
use crate::ecs::error::Error;
use crate::ecs::instances;
use crate::ecs::ops::cluster_resource;
use crate::ecs::rules::{cluster as rules, tag};
use crate::ecs::setting;
use crate::ecs::store::{ClusterRow, NodeRow};
use crate::ecs::view::{self, Include};
use crate::error::ServiceError;
use crate::room::Handler;

/// What a request gives; absent members are not compared with an existing cluster.
struct Request {
    name: ClusterName,
    insights: Option<ContainerInsights>,
    configuration: Option<ClusterConfiguration>,
    providers: Option<Vec<String>>,
    strategy: Option<Vec<StrategyItem>>,
    tags: Tags,
    namespace: Option<Option<String>>,
}

impl Handler for CreateCluster {
    fn access(ctx: &OpCtx, input: &CreateClusterRequest) -> Access {
        let access = Access::new("ecs:CreateCluster", cluster_resource(ctx, input.cluster_name.as_deref()));
        let providers = input.capacity_providers.iter().flatten();
        providers.fold(access, |access, provider| access.with("ecs:capacity-provider", provider))
    }

    async fn run(ctx: &OpCtx, input: CreateClusterRequest) -> Result<CreateClusterResponse, ServiceError> {
        let snapshot = ctx.cloud.store.snapshot();
        let defaults = input.service_connect_defaults.clone();
        let mut request = read(input)?;
        let mut made = Txn::new();
        if let Some(defaults) = &defaults {
            let (txn, namespace) = connect::default_namespace(ctx, &snapshot, made, defaults)?;
            (made, request.namespace) = (txn, Some(namespace));
        }
        let found = snapshot.get::<ClusterRow>(&key![ctx.scope, request.name.as_str()]);
        if let Some(existing) = found.as_ref().filter(|cluster| cluster.is_active()) {
            check_same(existing, &request)?;
            return Ok(answer(ctx, existing));
        }
        let fallback = setting::effective(ctx, &snapshot, SettingName::ContainerInsights);
        let row = ClusterRow(new_cluster(ctx, request, &fallback));
        let txn = match &found {
            Some(inactive) => made.update(inactive, &row),
            None => made.insert(&row),
        };
        // Nodes may have waited for the cluster.
        let nodes = snapshot.all::<NodeRow>(&key![]);
        let txn = nodes.fold(txn, |txn, node| {
            instances::join(&snapshot, txn, &node, &row, ctx.now, &mut ctx.ids.clone())
        });
        ctx.cloud.store.commit(txn).await.map_err(Error::from)?;
        Ok(answer(ctx, &row))
    }
}

fn read(input: CreateClusterRequest) -> Result<Request, Error> {
    let name = match input.cluster_name.filter(|name| !name.is_empty()) {
        None => ClusterName::default_name(),
        Some(raw) => ClusterName::new(raw).map_err(|error| {
            let raw = error.raw;
            Error::InvalidParameter(format!("Cluster must match ^[a-zA-Z0-9\\-_]{{1,255}}$, but was {raw}"))
        })?,
    };
    let providers = input.capacity_providers;
    rules::check_providers(providers.as_deref().unwrap_or_default())?;
    let known = providers.as_deref().unwrap_or_default();
    let strategy = input.default_capacity_provider_strategy.map(|items| rules::strategy(items, known));
    Ok(Request {
        name,
        insights: rules::container_insights(input.settings)?,
        configuration: input.configuration.map(rules::configuration).transpose()?,
        strategy: strategy.transpose()?,
        providers,
        tags: tag::read(input.tags)?,
        namespace: None,
    })
}

/// A repeated request must not ask for something else than what exists.
fn check_same(existing: &Cluster, request: &Request) -> Result<(), Error> {
    let same = request.insights.is_none_or(|insights| insights == existing.container_insights)
        && request.configuration.as_ref().is_none_or(|given| Some(given) == existing.configuration.as_ref())
        && request.providers.as_ref().is_none_or(|given| *given == existing.capacity_providers)
        && request
            .strategy
            .as_ref()
            .is_none_or(|given| *given == existing.default_capacity_provider_strategy)
        && request.namespace.as_ref().is_none_or(|given| *given == existing.namespace)
        && (request.tags.is_empty() || request.tags == existing.tags);
    if same {
        return Ok(());
    }
    Err(Error::InvalidParameter(
        "Arguments on this idempotent request are inconsistent with arguments used in previous request(s)."
            .into(),
    ))
}

fn new_cluster(ctx: &OpCtx, request: Request, fallback: &str) -> Cluster {
    let fallback = ContainerInsights::parse(fallback).unwrap_or(ContainerInsights::Disabled);
    Cluster {
        scope: ctx.scope.clone(),
        name: request.name,
        status: ClusterStatus::Active,
        container_insights: request.insights.unwrap_or(fallback),
        configuration: request.configuration,
        capacity_providers: request.providers.unwrap_or_default(),
        default_capacity_provider_strategy: request.strategy.unwrap_or_default(),
        namespace: request.namespace.flatten(),
        tags: request.tags,
        created_at: ctx.now,
        deleted_at: None,
    }
}

fn answer(ctx: &OpCtx, cluster: &Cluster) -> CreateClusterResponse {
    let cluster = view::cluster(&ctx.cloud.store.snapshot(), cluster, Include::CHANGED);
    CreateClusterResponse { cluster: Some(cluster) }
}
