//! The quotas that this room keeps: ELB's defaults.

/// Load balancers of a scope.
pub(in crate::elbv2) const MOST_LOAD_BALANCERS: usize = 50;
/// Target groups of a scope.
pub(in crate::elbv2) const MOST_TARGET_GROUPS: usize = 3000;
/// Listeners of a load balancer.
pub(in crate::elbv2) const MOST_LISTENERS: usize = 50;
/// Rules of a listener, the default one not counted.
pub(in crate::elbv2) const MOST_RULES: usize = 100;
/// Rows that one commit writes, with room for those that guard them.
pub(in crate::elbv2) const BATCH: usize = 80;

/// As DescribeAccountLimits shows them.
pub(in crate::elbv2) static LIMITS: &[(&str, usize)] = &[
    ("application-load-balancers", MOST_LOAD_BALANCERS),
    ("certificates-per-application-load-balancer", 25),
    ("certificates-per-network-load-balancer", 25),
    ("condition-values-per-alb-rule", 5),
    ("listeners-per-application-load-balancer", MOST_LISTENERS),
    ("listeners-per-network-load-balancer", MOST_LISTENERS),
    ("network-load-balancers", MOST_LOAD_BALANCERS),
    ("rules-per-application-load-balancer", MOST_RULES),
    ("target-groups", MOST_TARGET_GROUPS),
    ("target-groups-per-action-on-application-load-balancer", 5),
    ("target-groups-per-application-load-balancer", 100),
    ("targets-per-target-group", 1000),
];
