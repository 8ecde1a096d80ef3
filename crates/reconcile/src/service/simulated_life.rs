//! The lives of tasks in the simulated world: what becomes of them by a plan, by themselves, and by accident.

use std::time::Duration;

use model::ecs::name::RevisionId;
use model::ecs::status::{DesiredStatus, LastStatus, StopCode};
use model::ecs::supervision::Supervision;
use model::ecs::{ContainerInstanceId, TaskId};

use super::simulated::{World, revision};
use super::{Checks, StopCause, TargetState, TargetView, TaskAction, TaskView};

impl World {
    pub(super) fn task(
        &self,
        id: TaskId,
        deployment: RevisionId,
        instance: Option<ContainerInstanceId>,
    ) -> TaskView {
        let target = |group: &String| TargetView {
            group: group.clone(),
            id: "10.0.0.1".into(),
            port: 80,
            state: TargetState::Absent,
        };
        TaskView {
            id,
            targets: self.group_of.get(&deployment).into_iter().chain(&self.groups).map(target).collect(),
            deployment,
            desired: DesiredStatus::Running,
            last: LastStatus::Provisioning,
            created_at: self.now,
            started_at: None,
            ended_at: None,
            checks: self.checks,
            stop_code: None,
            was_unhealthy: false,
            why_not: None,
            supervision: Supervision::default(),
            instance,
            has_to_move: false,
            zone: self.emptiest_zone(),
        }
    }

    fn emptiest_zone(&self) -> Option<String> {
        self.zones.iter().min_by_key(|zone| self.in_zone(zone)).cloned()
    }

    /// How many live tasks are in a zone.
    pub fn in_zone(&self, zone: &str) -> usize {
        self.tasks.values().filter(|task| task.is_live() && task.zone.as_deref() == Some(zone)).count()
    }

    pub(super) fn act(&mut self, id: &TaskId, action: TaskAction) {
        let now = self.now;
        let Some(task) = self.tasks.get_mut(id) else { panic!("{id} is not there") };
        match action {
            TaskAction::NoteHealthy => task.supervision.healthy_at = Some(now),
            TaskAction::CountFailure => task.supervision.is_counted = true,
            TaskAction::Settle => task.supervision.is_settled = true,
            TaskAction::Stop { cause, drains } => {
                task.desired = DesiredStatus::Stopped;
                task.stop_code = Some(cause.code());
                task.was_unhealthy = matches!(cause, StopCause::Checks | StopCause::Target(_));
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

    /// A task's end is certain, and has not come.
    pub fn fall(&mut self, id: &TaskId) {
        let now = self.now;
        let Some(task) = self.tasks.get_mut(id).filter(|task| task.is_live()) else { return };
        task.desired = DesiredStatus::Stopped;
        let ran = task.started_at.is_some();
        task.stop_code =
            Some(if ran { StopCode::EssentialContainerExited } else { StopCode::TaskFailedToStart });
        task.last = task.last.max(LastStatus::Stopping);
        task.ended_at = Some(now);
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
