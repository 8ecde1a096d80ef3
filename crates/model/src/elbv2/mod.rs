//! Load balancing: load balancers, listeners, rules, target groups and targets.
//!
//! An ARN of this service carries what it belongs to, so ids here are paths: a rule's id holds its
//! listener's, a listener's its load balancer's. See `id.rs` for their spelling.

pub mod action;
pub mod attribute;
pub mod condition;
pub mod health;
pub mod health_check;
pub mod id;
pub mod listener;
pub mod load_balancer;
pub mod target;
pub mod target_group;

pub use action::{Action, FixedResponse, Forward, Redirect, WeightedGroup};
pub use attribute::{Attribute, Attributes, Values};
pub use condition::{Condition, IpBlock, QueryPair};
pub use health::{TargetHealth, TargetReason, TargetState};
pub use health_check::{CodeRange, HealthCheck, HealthCheckPort, HealthCheckProtocol, Matcher};
pub use id::{Digits, ListenerId, LoadBalancerId, LoadBalancerName, RuleId, TargetGroupId, TargetGroupName};
pub use listener::{Listener, Rule};
pub use load_balancer::{
    AddressClaim, LoadBalancer, LoadBalancerKind, LoadBalancerState, LoadBalancerSubnet, Scheme,
    SubnetInterface,
};
pub use target::{Target, TargetKey};
pub use target_group::{Protocol, ProtocolVersion, TargetGroup, TargetType};
