//! Statuses of tasks and containers. A seen status only moves forward.

use thiserror::Error;

use super::text::text_enum;

text_enum! {
    /// What is wanted of a task.
    pub enum DesiredStatus {
        /// That it runs.
        Running = "RUNNING",
        /// That it ends.
        Stopped = "STOPPED",
    }
}

text_enum! {
    /// Where a task was last seen in its life. The order is the order of life.
    pub enum LastStatus {
        /// What must exist before the start is being made: the network interface.
        Provisioning = "PROVISIONING",
        /// Waiting for the node.
        Pending = "PENDING",
        /// Containers start; what must exist after that is being made.
        Activating = "ACTIVATING",
        /// Running.
        Running = "RUNNING",
        /// Being taken out of load balancers.
        Deactivating = "DEACTIVATING",
        /// Containers get SIGTERM, then SIGKILL.
        Stopping = "STOPPING",
        /// What was made before the start is being removed.
        Deprovisioning = "DEPROVISIONING",
        /// Ended.
        Stopped = "STOPPED",
        /// Forgotten.
        Deleted = "DELETED",
    }
}

text_enum! {
    /// Where a container was last seen in its life. The order is the order of life.
    pub enum ContainerStatus {
        /// Not started.
        Pending = "PENDING",
        /// Running.
        Running = "RUNNING",
        /// Ended, or never to start.
        Stopped = "STOPPED",
    }
}

text_enum! {
    /// The result of health checks.
    pub enum HealthStatus {
        /// They pass.
        Healthy = "HEALTHY",
        /// They fail.
        Unhealthy = "UNHEALTHY",
        /// There are none, or none has ended.
        Unknown = "UNKNOWN",
    }
}

text_enum! {
    /// Why a task stopped.
    pub enum StopCode {
        /// It never ran.
        TaskFailedToStart = "TaskFailedToStart",
        /// An essential container ended.
        EssentialContainerExited = "EssentialContainerExited",
        /// Somebody called StopTask.
        UserInitiated = "UserInitiated",
        /// The service scheduler stopped it.
        ServiceSchedulerInitiated = "ServiceSchedulerInitiated",
        /// Spot capacity was taken back.
        SpotInterruption = "SpotInterruption",
        /// The node goes away.
        TerminationNotice = "TerminationNotice",
        /// The node's hardware failed.
        InfrastructureHealth = "InfrastructureHealth",
    }
}

text_enum! {
    /// Whether the node that has the task is reachable.
    pub enum Connectivity {
        /// It is.
        Connected = "CONNECTED",
        /// It is not.
        Disconnected = "DISCONNECTED",
    }
}

/// A status was to go back.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("a status cannot go back from {from} to {to}")]
pub struct Backwards {
    /// The status that was seen last.
    pub from: &'static str,
    /// The earlier one that was offered.
    pub to: &'static str,
}

macro_rules! forward_only {
    ($name:ty) => {
        impl $name {
            /// The later status `to`; the same one is allowed, an earlier one refused.
            pub fn advance(self, to: Self) -> Result<Self, Backwards> {
                use super::text::TextEnum as _;
                if to < self { Err(Backwards { from: self.as_str(), to: to.as_str() }) } else { Ok(to) }
            }
        }
    };
}

forward_only!(DesiredStatus);
forward_only!(LastStatus);
forward_only!(ContainerStatus);

impl LastStatus {
    /// Whether the task has ended for good.
    pub fn is_ended(self) -> bool {
        self >= LastStatus::Stopped
    }

    /// Whether the task has not yet run.
    pub fn is_before_running(self) -> bool {
        self < LastStatus::Running
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ecs::TextEnum;

    #[test]
    fn a_status_never_goes_back() {
        for (at, from) in LastStatus::ALL.iter().enumerate() {
            for (to_at, to) in LastStatus::ALL.iter().enumerate() {
                assert_eq!(from.advance(*to).is_ok(), to_at >= at, "{from} to {to}");
            }
        }
        assert_eq!(
            DesiredStatus::Stopped.advance(DesiredStatus::Running),
            Err(Backwards { from: "STOPPED", to: "RUNNING" })
        );
    }

    #[test]
    fn spelling_is_the_apis() {
        assert_eq!(LastStatus::parse("DEPROVISIONING"), Some(LastStatus::Deprovisioning));
        assert_eq!(LastStatus::parse("running"), None);
        assert_eq!(serde_json::to_string(&StopCode::UserInitiated).unwrap(), "\"UserInitiated\"");
    }
}
