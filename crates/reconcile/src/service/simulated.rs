//! A world of one service for the laws: tasks that move at their own pace, and plans that are carried out at once.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use model::ecs::deployment::{
    CircuitBreaker, Deployment, DeploymentConfiguration, DeploymentStatus, DeploymentStrategy, MonitorStatus,
    RolloutState, ServiceDeploymentStatus,
};
use model::ecs::name::{RevisionId, ServiceDeploymentId};
use model::ecs::service::{
    DeploymentControllerType, PropagateTags, SchedulingStrategy, ServiceSpec, ServiceStatus,
};
use model::ecs::status::{DesiredStatus, LastStatus, StopCode};
use model::ecs::supervision::Supervision;
use model::ecs::volume::Switch;
use model::ecs::{ClusterName, ContainerInstanceId, Service, ServiceDeployment, ServiceName, TaskId};
use model::{AccountId, Region, Scope, Timestamp};

use super::bounds::{least_healthy, most_present};
use super::{
    Checks, Health, Plan, StopCause, TargetState, TargetView, TaskAction, TaskView, View, decide, health,
};

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
            target_groups: BTreeSet::new(),
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
        };
        world.deploy(1);
        world
    }

    /// Makes revision `number` the PRIMARY one, as UpdateService does.
    pub fn deploy(&mut self, number: usize) {
        let id = revision(number);
        let record = ServiceDeploymentId::new(format!("d{number}")).unwrap();
        let desired = self.service.spec.desired_count;
        self.record = Some(ServiceDeployment {
            scope: self.service.scope.clone(),
            cluster: self.service.cluster.clone(),
            service: self.service.name.clone(),
            id: record.clone(),
            sources: self.service.deployments.iter().map(|it| it.id.clone()).collect(),
            target: id.clone(),
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

    fn check_laws(&self, view: &View, plan: &Plan) {
        let spec = &plan.service.spec;
        let primary = plan.service.primary();
        assert_eq!(primary.status, DeploymentStatus::Primary);
        assert!(plan.service.deployments[1..].iter().all(|it| it.status == DeploymentStatus::Active));
        let least = least_healthy(spec.desired_count, spec.deployment.minimum_healthy_percent) as usize;
        let most = most_present(spec.desired_count, spec.deployment.maximum_percent) as usize;
        let serves = |task: &&TaskView| match health::of(task, Duration::ZERO, self.now) {
            Health::Healthy => true,
            Health::Coming(_) => task.deployment != primary.id && task.last == LastStatus::Running,
            Health::Unhealthy(_) | Health::Going => false,
        };
        let before = view.tasks.iter().filter(serves).count();
        let after = view.tasks.iter().filter(serves).filter(|task| !plan.stops(&task.id)).count();
        if view.service.status == ServiceStatus::Active {
            assert!(after >= before.min(least), "{before} healthy become {after}, and {least} are the least");
        }
        if let Some(start) = &plan.start {
            let present = view.tasks.iter().filter(|task| task.is_present()).count();
            assert!(
                present + start.places.len() <= most,
                "{present} and {} are too many",
                start.places.len()
            );
            assert_ne!(primary.rollout_state, RolloutState::Failed, "what was given up starts nothing");
            assert_eq!(start.revision, primary.id);
        }
        for id in view.tasks.iter().filter(|task| plan.stops(&task.id)).map(|task| &task.id) {
            let task = &self.tasks[id];
            assert!(task.is_live(), "a task is stopped once");
            assert!(!task.supervision.is_protected(self.now) || view.service.status != ServiceStatus::Active);
        }
    }

    fn apply(&mut self, plan: Plan) {
        self.service = plan.service;
        self.record = plan.record;
        self.events.extend(plan.events);
        for (id, actions) in plan.tasks {
            for action in actions {
                self.act(&id, action);
            }
        }
        self.tasks.retain(|_, task| !task.supervision.is_settled);
        for place in plan.start.into_iter().flat_map(|start| start.places) {
            self.started += 1;
            let id = TaskId::new(format!("{:032x}", self.started)).unwrap();
            let primary = self.service.primary().id.clone();
            self.tasks.insert(id.clone(), self.task(id, primary, place));
        }
    }

    fn task(&self, id: TaskId, deployment: RevisionId, instance: Option<ContainerInstanceId>) -> TaskView {
        let target = |group: &String| TargetView {
            group: group.clone(),
            id: "10.0.0.1".into(),
            port: 80,
            state: TargetState::Absent,
        };
        TaskView {
            id,
            deployment,
            desired: DesiredStatus::Running,
            last: LastStatus::Provisioning,
            created_at: self.now,
            started_at: None,
            ended_at: None,
            checks: self.checks,
            stop_code: None,
            was_unhealthy: false,
            supervision: Supervision::default(),
            targets: self.groups.iter().map(target).collect(),
            instance,
            has_to_move: false,
            zone: None,
        }
    }

    fn act(&mut self, id: &TaskId, action: TaskAction) {
        let now = self.now;
        let Some(task) = self.tasks.get_mut(id) else { panic!("{id} is not there") };
        match action {
            TaskAction::NoteHealthy => task.supervision.healthy_at = Some(now),
            TaskAction::Settle => task.supervision.is_settled = true,
            TaskAction::Stop { cause, drains } => {
                task.desired = DesiredStatus::Stopped;
                task.stop_code = Some(cause.code());
                task.was_unhealthy = !matches!(cause, StopCause::Scaling(_));
                if drains {
                    task.last = LastStatus::Deactivating;
                }
            }
            TaskAction::Release => task.last = LastStatus::Stopping,
            TaskAction::Register(target) => {
                set_state(task, &target.group, TargetState::Initial);
                task.supervision.targets.push(target);
            }
            TaskAction::Deregister(target) => {
                set_state(task, &target.group, TargetState::Draining(None));
                let entry = task.supervision.targets.iter_mut().find(|it| it.group == target.group);
                entry.unwrap().is_deregistered = true;
            }
        }
    }

    /// Moves a task one step on in its life.
    pub fn advance(&mut self, id: &TaskId) {
        let now = self.now;
        let Some(task) = self.tasks.get_mut(id) else { return };
        if task.desired == DesiredStatus::Stopped && task.last != LastStatus::Deactivating {
            task.last =
                if task.last < LastStatus::Stopping { LastStatus::Stopping } else { LastStatus::Stopped };
            task.ended_at = Some(now);
            return;
        }
        match task.last {
            LastStatus::Provisioning => task.last = LastStatus::Pending,
            LastStatus::Pending => {
                task.last = LastStatus::Running;
                task.started_at = Some(now);
            }
            LastStatus::Running if task.checks == Checks::Unknown => task.checks = Checks::Passing,
            LastStatus::Activating
            | LastStatus::Running
            | LastStatus::Deactivating
            | LastStatus::Stopping
            | LastStatus::Deprovisioning
            | LastStatus::Stopped
            | LastStatus::Deleted => {}
        }
        for target in &mut task.targets {
            match target.state {
                TargetState::Initial => target.state = TargetState::Healthy,
                TargetState::Draining(_) => target.state = TargetState::Unused,
                TargetState::Absent
                | TargetState::Healthy
                | TargetState::Unhealthy(_)
                | TargetState::Unused => {}
            }
        }
    }

    /// A task ends by itself.
    pub fn die(&mut self, id: &TaskId) {
        let now = self.now;
        let Some(task) = self.tasks.get_mut(id) else { return };
        if task.desired == DesiredStatus::Running {
            task.desired = DesiredStatus::Stopped;
            let ran = task.started_at.is_some();
            task.stop_code =
                Some(if ran { StopCode::EssentialContainerExited } else { StopCode::TaskFailedToStart });
        }
        task.last = LastStatus::Stopped;
        task.ended_at = task.ended_at.or(Some(now));
    }

    pub fn pass(&mut self, seconds: u64) {
        self.now = self.now + Duration::from_secs(seconds);
    }

    pub fn ids(&self) -> Vec<TaskId> {
        self.tasks.keys().cloned().collect()
    }

    /// Everything moves on without trouble, for at most an hour.
    pub fn calm(&mut self) {
        for _ in 0..900 {
            self.settle();
            for id in self.ids() {
                self.advance(&id);
            }
            self.pass(4);
        }
        self.settle();
    }

    pub fn running(&self, number: usize) -> usize {
        let id = revision(number);
        let runs =
            |task: &&TaskView| task.deployment == id && task.is_live() && task.last == LastStatus::Running;
        self.tasks.values().filter(runs).count()
    }
}

fn set_state(task: &mut TaskView, group: &str, state: TargetState) {
    task.targets.iter_mut().filter(|it| it.group == group).for_each(|it| it.state = state.clone());
}
