//! Names, ids and ARNs.
//!
//! `loadbalancer/app/NAME/LB`, `listener/app/NAME/LB/LISTENER`, `listener-rule/app/NAME/LB/LISTENER/RULE` and
//! `targetgroup/NAME/GROUP`, where the capitals are 16 hexadecimal digits.

use serde::{Deserialize, Serialize};

use super::LoadBalancerKind;
use crate::ecs::text::{TextEnum, name};
use crate::{Arn, IdSource, Scope};

/// The service in this room's ARNs.
const SERVICE: &str = "elasticloadbalancing";

/// 1 to 32 letters, digits and hyphens; no hyphen at either end.
fn is_name(raw: &str) -> bool {
    (1..=32).contains(&raw.len())
        && raw.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        && !raw.starts_with('-')
        && !raw.ends_with('-')
}

name! {
    /// A load balancer's name, unique in its scope.
    pub struct LoadBalancerName: "load balancer name", |raw| is_name(raw) && !raw.starts_with("internal-");
}

name! {
    /// A target group's name, unique in its scope.
    pub struct TargetGroupName: "target group name", is_name;
}

name! {
    /// The 16 hexadecimal digits that tell a resource from an earlier one of the same name.
    pub struct Digits: "resource id", |raw| raw.len() == 16 && raw.bytes().all(|b| b.is_ascii_hexdigit());
}

impl Digits {
    /// Draws new digits.
    pub fn draw(ids: &mut dyn IdSource) -> Self {
        Digits::new(ids.hex(16)).expect("sixteen hexadecimal digits")
    }
}

/// Which load balancer.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LoadBalancerId {
    /// Its kind.
    pub kind: LoadBalancerKind,
    /// Its name.
    pub name: LoadBalancerName,
    /// Its digits.
    pub digits: Digits,
}

/// Which listener.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ListenerId {
    /// Its load balancer.
    pub load_balancer: LoadBalancerId,
    /// Its digits.
    pub digits: Digits,
}

/// Which rule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RuleId {
    /// Its listener.
    pub listener: ListenerId,
    /// Its digits.
    pub digits: Digits,
}

/// Which target group.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TargetGroupId {
    /// Its name.
    pub name: TargetGroupName,
    /// Its digits.
    pub digits: Digits,
}

impl LoadBalancerId {
    /// `app/NAME/LB`: the tail that the ARNs of all its parts share.
    pub fn path(&self) -> String {
        format!("{}/{}/{}", short(self.kind), self.name, self.digits)
    }

    /// Its ARN.
    pub fn arn(&self, scope: &Scope) -> Arn {
        Arn::new(SERVICE, scope, format!("loadbalancer/{}", self.path()))
    }

    /// The id in an ARN of `scope`.
    pub fn parse(raw: &str, scope: &Scope) -> Option<Self> {
        let parts = parts(raw, scope, "loadbalancer", 3)?;
        LoadBalancerId::from_parts(&parts)
    }

    fn from_parts(parts: &[String]) -> Option<Self> {
        let [kind, name, digits] = parts else { return None };
        Some(LoadBalancerId {
            kind: LoadBalancerKind::ALL.iter().copied().find(|known| short(*known) == kind)?,
            name: LoadBalancerName::new(name.clone()).ok()?,
            digits: Digits::new(digits.clone()).ok()?,
        })
    }
}

impl ListenerId {
    fn path(&self) -> String {
        format!("{}/{}", self.load_balancer.path(), self.digits)
    }

    /// Its ARN.
    pub fn arn(&self, scope: &Scope) -> Arn {
        Arn::new(SERVICE, scope, format!("listener/{}", self.path()))
    }

    /// The id in an ARN of `scope`.
    pub fn parse(raw: &str, scope: &Scope) -> Option<Self> {
        ListenerId::from_parts(&parts(raw, scope, "listener", 4)?)
    }

    fn from_parts(parts: &[String]) -> Option<Self> {
        let (digits, rest) = parts.split_last()?;
        let digits = Digits::new(digits.clone()).ok()?;
        Some(ListenerId { load_balancer: LoadBalancerId::from_parts(rest)?, digits })
    }
}

impl RuleId {
    /// Its ARN.
    pub fn arn(&self, scope: &Scope) -> Arn {
        Arn::new(SERVICE, scope, format!("listener-rule/{}/{}", self.listener.path(), self.digits))
    }

    /// The id in an ARN of `scope`.
    pub fn parse(raw: &str, scope: &Scope) -> Option<Self> {
        let parts = parts(raw, scope, "listener-rule", 5)?;
        let (digits, rest) = parts.split_last()?;
        let digits = Digits::new(digits.clone()).ok()?;
        Some(RuleId { listener: ListenerId::from_parts(rest)?, digits })
    }
}

impl TargetGroupId {
    /// Its ARN.
    pub fn arn(&self, scope: &Scope) -> Arn {
        Arn::new(SERVICE, scope, format!("targetgroup/{}/{}", self.name, self.digits))
    }

    /// The id in an ARN of `scope`.
    pub fn parse(raw: &str, scope: &Scope) -> Option<Self> {
        match &parts(raw, scope, "targetgroup", 2)?[..] {
            [name, digits] => Some(TargetGroupId {
                name: TargetGroupName::new(name.clone()).ok()?,
                digits: Digits::new(digits.clone()).ok()?,
            }),
            _ => None,
        }
    }
}

/// How ARNs spell a kind.
fn short(kind: LoadBalancerKind) -> &'static str {
    match kind {
        LoadBalancerKind::Application => "app",
        LoadBalancerKind::Network => "net",
    }
}

/// The parts behind `kind/` in an ARN of `scope`; exactly `count`.
fn parts(raw: &str, scope: &Scope, kind: &str, count: usize) -> Option<Vec<String>> {
    let arn: Arn = raw.parse().ok()?;
    if !arn.is_in(SERVICE, scope) {
        return None;
    }
    let (found, rest) = arn.typed_resource()?;
    let parts: Vec<String> = rest.split('/').map(str::to_owned).collect();
    (found == kind && parts.len() == count).then_some(parts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AccountId, Region};

    fn scope() -> Scope {
        Scope::new(AccountId::new("123456789012").unwrap(), Region::new("us-east-2").unwrap())
    }

    #[test]
    fn arns_hold_what_they_belong_to() {
        let tail = "app/web/0123456789abcdef/1111111111111111/2222222222222222";
        let raw = format!("arn:aws:elasticloadbalancing:us-east-2:123456789012:listener-rule/{tail}");
        let rule = RuleId::parse(&raw, &scope()).unwrap();
        assert_eq!(rule.arn(&scope()).to_string(), raw);
        let listener = rule.listener.arn(&scope()).to_string();
        assert_eq!(ListenerId::parse(&listener, &scope()), Some(rule.listener.clone()));
        let load_balancer = rule.listener.load_balancer.arn(&scope()).to_string();
        assert!(load_balancer.ends_with(":loadbalancer/app/web/0123456789abcdef"));
        assert_eq!(LoadBalancerId::parse(&load_balancer, &scope()), Some(rule.listener.load_balancer));
        assert_eq!(ListenerId::parse(&raw, &scope()), None, "a rule is no listener");
        let other = Scope { region: Region::new("us-east-1").unwrap(), ..scope() };
        assert_eq!(RuleId::parse(&raw, &other), None, "of another region");
    }

    #[test]
    fn names_are_short_words() {
        assert!(LoadBalancerName::new("my-web-1").is_ok());
        for bad in ["", "-a", "a-", "a_b", "internal-a", &"a".repeat(33)] {
            assert!(LoadBalancerName::new(bad).is_err(), "{bad}");
        }
        assert!(TargetGroupName::new("internal-a").is_ok());
    }
}
