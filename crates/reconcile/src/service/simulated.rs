//! A world of one service for the laws: tasks that move at their own pace, and plans that are carried out at once.

use std::collections::{BTreeMap, BTreeSet};

use model::ecs::deployment::{
    CircuitBreaker, Deployment, DeploymentConfiguration, DeploymentStatus, DeploymentStrategy, MonitorStatus,
    ServiceDeploymentStatus,
};
use model::ecs::lifecycle::{HookStatus, LifecycleStage, Shifting};
use model::ecs::name::{RevisionId, ServiceDeploymentId};
use model::ecs::service::{
    DeploymentControllerType, PropagateTags, SchedulingStrategy, ServiceSpec, ServiceStatus,
};
use model::ecs::service_revision::{ServiceLoadBalancer, TrafficShift};
use model::ecs::volume::Switch;
use model::ecs::{ClusterName, ContainerInstanceId, Service, ServiceDeployment, ServiceName, TaskId};
use model::{AccountId, Region, Scope, Timestamp};

use super::{Checks, Plan, RouteView, TaskView, View, decide};
use crate::deployment::traffic;

/// The target groups and rules of a world whose traffic is shifted.
pub(super) const BLUE: &str = "blue";
pub(super) const GREEN: &str = "green";
pub(super) const PRODUCTION: &str = "production";
pub(super) const TEST: &str = "test";

/// A service and its tasks.
#[derive(Clone, Debug)]
pub(super) struct World {
    pub service: Service,
    pub record: Option<ServiceDeployment>,
    pub tasks: BTreeMap<TaskId, TaskView>,
    pub instances: BTreeSet<ContainerInstanceId>,
    pub now: Timestamp,
    pub events: Vec<String>,
    /// What the containers' checks of new tasks say at first.
    pub checks: Checks,
    /// The target groups that new tasks are to join.
    pub groups: Vec<String>,
    /// Tasks that were started, ever.
    pub started: usize,
    /// Laws are those of a rolling service only when this is set.
    pub is_lawful: bool,
    /// The load balancer whose traffic is shifted, if any.
    pub balancer: Option<ServiceLoadBalancer>,
    /// Which of its target groups the tasks of a revision join.
    pub group_of: BTreeMap<RevisionId, String>,
    /// The zones where tasks can run; a new one goes where fewest are.
    pub zones: BTreeSet<String>,
    /// The weights of its rules.
    pub rules: BTreeMap<String, Vec<(String, u16)>>,
}

pub(super) fn revision(number: usize) -> RevisionId {
    RevisionId::new(number.to_string()).unwrap()
}

pub(super) fn instance(number: usize) -> ContainerInstanceId {
    ContainerInstanceId::new(format!("{number:032x}")).unwrap()
}

impl World {
    /// A REPLICA service of `desired` tasks, with its first deployment on its way.
    pub fn new(desired: u32, minimum: u32, maximum: u32) -> Self {
        let now = Timestamp::from_millis(1_000_000);
        let configuration = DeploymentConfiguration {
            strategy: DeploymentStrategy::Rolling,
            minimum_healthy_percent: minimum,
            maximum_percent: maximum,
            circuit_breaker: CircuitBreaker::OFF,
            shifting: Shifting::default(),
            idle_alarms: None,
        };
        let spec = ServiceSpec {
            desired_count: desired,
            scheduling_strategy: SchedulingStrategy::Replica,
            controller: DeploymentControllerType::Ecs,
            deployment: configuration,
            health_check_grace_period_seconds: None,
            placement_constraints: Vec::new(),
            placement_strategy: Vec::new(),
            availability_zone_rebalancing: Switch::Disabled,
            enable_ecs_managed_tags: false,
            propagate_tags: PropagateTags::None,
            enable_execute_command: false,
            role: None,
            client_token: None,
        };
        let service = Service {
            scope: Scope::new(AccountId::new("123456789012").unwrap(), Region::new("us-east-2").unwrap()),
            cluster: ClusterName::new("c").unwrap(),
            name: ServiceName::new("s").unwrap(),
            status: ServiceStatus::Active,
            spec,
            deployments: Vec::new(),
            task_sets: Vec::new(),
            target_groups: BTreeSet::new(),
            namespace: None,
            stable: None,
            seen: Default::default(),
            tags: Default::default(),
            created_by: String::new(),
            created_at: now,
            deleted_at: None,
        };
        let mut world = World {
            service,
            record: None,
            tasks: BTreeMap::new(),
            instances: BTreeSet::new(),
            now,
            events: Vec::new(),
            checks: Checks::None,
            groups: Vec::new(),
            started: 0,
            is_lawful: true,
            balancer: None,
            group_of: BTreeMap::new(),
            zones: BTreeSet::new(),
            rules: BTreeMap::new(),
        };
        world.deploy(1);
        world
    }

    /// The same behind a load balancer, with traffic that is shifted.
    pub fn shifting(desired: u32, strategy: DeploymentStrategy, shifting: Shifting) -> Self {
        let mut world = World::new(desired, 100, 200);
        world.checks = Checks::Unknown;
        world.balancer = Some(ServiceLoadBalancer {
            target_group_arn: BLUE.into(),
            container_name: "web".into(),
            container_port: 80,
            shift: Some(TrafficShift {
                alternate_target_group_arn: GREEN.into(),
                production_rule_arn: PRODUCTION.into(),
                test_rule_arn: Some(TEST.into()),
                role_arn: "role".into(),
            }),
        });
        world.rules = [PRODUCTION, TEST].map(|rule| (rule.into(), vec![(BLUE.into(), 1)])).into();
        world.service.spec.deployment.strategy = strategy;
        world.service.spec.deployment.shifting = shifting;
        world.service.deployments.clear();
        world.deploy(1);
        world
    }

    /// Makes revision `number` the PRIMARY one, as UpdateService does.
    pub fn deploy(&mut self, number: usize) {
        let id = revision(number);
        let strategy = self.service.spec.deployment.strategy;
        let serving = traffic::serving(&self.service, self.record.as_ref());
        if let Some(balancer) = &self.balancer {
            let served_by = serving.as_ref().and_then(|id| self.group_of.get(id)).map(String::as_str);
            let group = traffic::target_group(balancer, strategy, served_by).to_owned();
            self.group_of.insert(id.clone(), group);
        }
        let record = ServiceDeploymentId::new(format!("d{number}")).unwrap();
        let desired = self.service.spec.desired_count;
        self.record = Some(ServiceDeployment {
            scope: self.service.scope.clone(),
            cluster: self.service.cluster.clone(),
            service: self.service.name.clone(),
            id: record.clone(),
            sources: self.service.deployments.iter().map(|it| it.id.clone()).collect(),
            target: id.clone(),
            serving,
            lifecycle: None,
            status: ServiceDeploymentStatus::InProgress,
            status_reason: None,
            configuration: self.service.spec.deployment.clone(),
            rollback: None,
            monitor: MonitorStatus::Monitoring,
            failure_count: 0,
            threshold: 0,
            created_at: self.now,
            started_at: None,
            finished_at: None,
            stopped_at: None,
            updated_at: self.now,
        });
        self.service.deployments.iter_mut().for_each(|it| it.status = DeploymentStatus::Active);
        self.service.deployments.insert(0, Deployment::new(id, record, desired, self.now));
    }

    pub fn scale(&mut self, desired: u32) {
        self.service.spec.desired_count = desired;
        self.service.primary_mut().desired_count = desired;
    }

    pub fn breaker(&mut self, rollback: bool) {
        self.service.spec.deployment.circuit_breaker =
            CircuitBreaker { enable: true, rollback, ..CircuitBreaker::OFF };
    }

    pub fn view(&self) -> View {
        View {
            service: self.service.clone(),
            record: self.record.clone(),
            tasks: self.tasks.values().cloned().collect(),
            instances: self.instances.clone(),
            zones: self.zones.clone(),
            routes: self.routes(),
        }
    }

    fn routes(&self) -> Vec<RouteView> {
        let Some(record) = self.record.as_ref().filter(|it| it.configuration.strategy.shifts_traffic())
        else {
            return Vec::new();
        };
        let Some(to) = self.group_of.get(&record.target) else { return Vec::new() };
        let other = if to == BLUE { GREEN } else { BLUE };
        let from = record.serving.as_ref().and_then(|id| self.group_of.get(id));
        let from = from.cloned().unwrap_or_else(|| other.to_owned());
        let route = |(rule, is_test): (&str, bool)| RouteView {
            rule: rule.into(),
            is_test,
            from: from.clone(),
            to: to.clone(),
            weights: self.rules[rule].clone(),
            broken: None,
        };
        [(PRODUCTION, false), (TEST, true)].map(route).into()
    }

    /// The share of a rule's traffic that a target group gets, in percent.
    pub fn share(&self, rule: &str, group: &str) -> f64 {
        let weights = &self.rules[rule];
        let total: u16 = weights.iter().map(|(_, weight)| weight).sum();
        let own: u16 = weights.iter().filter(|(name, _)| name == group).map(|(_, weight)| weight).sum();
        100.0 * f64::from(own) / f64::from(total)
    }

    /// Says of every hook that waits how it goes on.
    pub fn resolve(&mut self, status: HookStatus) {
        let lifecycle = self.record.as_mut().and_then(|record| record.lifecycle.as_mut());
        let runs = lifecycle.into_iter().flat_map(|lifecycle| &mut lifecycle.hooks);
        runs.filter(|run| run.status == HookStatus::AwaitingAction).for_each(|run| run.status = status);
    }

    /// Asks for the way back, as StopServiceDeployment does.
    pub fn stop(&mut self) {
        let Some(record) = &mut self.record else { return };
        let is_late =
            record.lifecycle.as_ref().is_some_and(|lifecycle| lifecycle.stage == LifecycleStage::CleanUp);
        if record.status == ServiceDeploymentStatus::InProgress && !is_late && record.serving.is_some() {
            record.status = ServiceDeploymentStatus::RollbackRequested;
        }
    }

    /// Decides and does until nothing new comes out, and checks the laws at every plan.
    pub fn settle(&mut self) {
        self.settle_and(|_| ());
    }

    /// The same, with a look at the world after each plan.
    pub fn settle_and(&mut self, mut look: impl FnMut(&World)) {
        for _ in 0..100 {
            let view = self.view();
            let plan = decide(&view, self.now);
            assert_eq!(plan, decide(&view, self.now), "the same view gives the same plan");
            if self.is_lawful {
                self.check_laws(&view, &plan);
            }
            if plan.is_idle(&view) {
                return;
            }
            self.apply(plan);
            look(self);
        }
        panic!(
            "plans that were carried out leave something to decide: {:#?}",
            decide(&self.view(), self.now)
        );
    }

    pub fn apply(&mut self, plan: Plan) {
        plan.shifts.into_iter().for_each(|shift| drop(self.rules.insert(shift.rule, shift.weights)));
        self.service = plan.service;
        self.record = plan.record;
        self.events.extend(plan.events);
        for (id, actions) in plan.tasks {
            for action in actions {
                self.act(&id, action);
            }
        }
        self.tasks.retain(|_, task| !task.supervision.is_settled);
        for (revision, place) in plan.start.into_iter().flat_map(|start| {
            let revision = start.revision;
            start.places.into_iter().map(move |place| (revision.clone(), place))
        }) {
            self.started += 1;
            let id = TaskId::new(format!("{:032x}", self.started)).unwrap();
            self.tasks.insert(id.clone(), self.task(id, revision, place));
        }
    }
}
