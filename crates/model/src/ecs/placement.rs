//! What users say about where their tasks go: constraints limit the container instances, strategies order them.

use serde::{Deserialize, Serialize};

use super::text::text_enum;

text_enum! {
    /// The kinds of placement constraint that RunTask and services take.
    pub enum ConstraintType {
        /// No two tasks of a group on one container instance.
        DistinctInstance = "distinctInstance",
        /// An expression in the cluster query language.
        MemberOf = "memberOf",
    }
}

text_enum! {
    /// The kinds of placement strategy.
    pub enum StrategyType {
        /// Anywhere.
        Random = "random",
        /// Evenly over the values of a field.
        Spread = "spread",
        /// Where the least of a resource is left.
        Binpack = "binpack",
    }
}

/// A limit of the container instances.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskPlacementConstraint {
    /// Its kind.
    pub kind: ConstraintType,
    /// The cluster query, for `memberOf`.
    pub expression: Option<String>,
}

/// An order of the container instances.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlacementStrategy {
    /// Its kind.
    pub kind: StrategyType,
    /// `instanceId`, `host` or `attribute:NAME` for `spread`; `cpu` or `memory` for `binpack`.
    pub field: Option<String>,
}
