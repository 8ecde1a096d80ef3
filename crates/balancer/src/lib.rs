//! HTTP(S)/TCP load balancer: match, pick, proxy, health, drain.
