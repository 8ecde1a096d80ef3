//! What every plan in the simulated world has to keep to: bounds, protection, and counted failures.

use std::time::Duration;

use model::ecs::deployment::{DeploymentStatus, RolloutState};
use model::ecs::lifecycle::LifecycleStage;
use model::ecs::service::ServiceStatus;
use model::ecs::status::LastStatus;
use model::ecs::{ServiceDeployment, TaskId};

use super::bounds::{least_healthy, most_present};
use super::simulated::{PRODUCTION, World};
use super::{Health, Plan, TaskAction, TaskView, View, health};

impl World {
    pub(super) fn check_laws(&self, view: &View, plan: &Plan) {
        let counts =
            |id: &TaskId| plan.tasks.get(id).is_some_and(|it| it.contains(&TaskAction::CountFailure));
        for task in view.tasks.iter().filter(|task| plan.start.is_some() && !task.is_live()) {
            let is_counted = task.supervision.is_counted || counts(&task.id);
            assert!(is_counted || !health::is_failure(task), "{} is replaced before it is counted", task.id);
        }
        if self.balancer.is_some() {
            return self.check_staged_laws(view, plan);
        }
        let spec = &plan.service.spec;
        let primary = plan.service.primary();
        assert_eq!(primary.status, DeploymentStatus::Primary);
        assert!(plan.service.deployments[1..].iter().all(|it| it.status == DeploymentStatus::Active));
        let least = least_healthy(spec.desired_count, spec.deployment.minimum_healthy_percent) as usize;
        let most = most_present(spec.desired_count, spec.deployment.maximum_percent) as usize;
        let serves = |task: &&TaskView| match health::of(task, Duration::ZERO, self.now) {
            Health::Healthy => true,
            Health::Coming(_) => {
                task.deployment != primary.id && task.last == LastStatus::Running && !task.is_checked()
            }
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

    fn check_staged_laws(&self, view: &View, plan: &Plan) {
        let desired = plan.service.spec.desired_count;
        let least = least_healthy(desired, 100) as usize;
        let mut after = self.clone();
        plan.shifts
            .iter()
            .for_each(|shift| drop(after.rules.insert(shift.rule.clone(), shift.weights.clone())));
        // Whose group has production traffic keeps its tasks.
        for (revision, group) in &self.group_of {
            let serves = |task: &&TaskView| {
                task.deployment == *revision
                    && task.last == LastStatus::Running
                    && matches!(
                        health::of(task, Duration::ZERO, self.now),
                        Health::Healthy | Health::Coming(_)
                    )
            };
            let before = view.tasks.iter().filter(serves).count();
            let left = view.tasks.iter().filter(serves).filter(|task| !plan.stops(&task.id)).count();
            let others = view.tasks.iter().any(|task| {
                task.deployment != *revision
                    && self.group_of.get(&task.deployment) == Some(group)
                    && task.is_live()
            });
            if view.service.status == ServiceStatus::Active && after.share(PRODUCTION, group) > 0.0 && !others
            {
                assert!(left >= before.min(least), "{revision}: {before} serving tasks become {left}");
            }
        }
        if let Some(start) = &plan.start {
            let of_it = |task: &&TaskView| task.deployment == start.revision && task.is_present();
            let present = view.tasks.iter().filter(of_it).count();
            let most = most_present(desired, 200) as usize;
            assert!(
                present + start.places.len() <= most,
                "{present} and {} are too many",
                start.places.len()
            );
            let entry = plan.service.deployments.iter().find(|it| it.id == start.revision);
            let state = entry.expect("only revisions with a deployment start tasks").rollout_state;
            assert_ne!(state, RolloutState::Failed, "what was given up starts nothing");
        }
        let stage = |record: &Option<ServiceDeployment>| {
            let record = record.as_ref()?;
            let lifecycle = record.lifecycle.as_ref()?;
            Some((record.id.clone(), lifecycle.steps, lifecycle.stage))
        };
        if let (Some(before), Some(after)) = (stage(&view.record), stage(&plan.record))
            && before.0 == after.0
        {
            let goes_round = before.1 > 0 && before.2 == LifecycleStage::ProductionTrafficShift;
            assert!(after.2 >= before.2 || goes_round, "{before:?} becomes {after:?}");
        }
    }
}
