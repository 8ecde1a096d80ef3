//! Names of load balancers and target groups, and what is wrong with them in ELB's words.

use model::elbv2::{LoadBalancerName, TargetGroupName};

use crate::elbv2::error::Error;

/// Reads a load balancer's name.
pub(in crate::elbv2) fn load_balancer(raw: &str) -> Result<LoadBalancerName, Error> {
    check("Load balancer", raw)?;
    LoadBalancerName::new(raw).map_err(|_| {
        Error::validation(format!("The load balancer name '{raw}' cannot begin with 'internal-'"))
    })
}

/// Reads a target group's name.
pub(in crate::elbv2) fn target_group(raw: &str) -> Result<TargetGroupName, Error> {
    check("Target group", raw)?;
    TargetGroupName::new(raw)
        .map_err(|_| Error::validation(format!("Target group name '{raw}' is not valid")))
}

fn check(what: &str, raw: &str) -> Result<(), Error> {
    let wrong = |text: &str| Err(Error::validation(format!("{what} name '{raw}' {text}")));
    if raw.is_empty() {
        return wrong("cannot be empty");
    }
    if raw.chars().count() > 32 {
        return wrong("cannot be longer than '32' characters");
    }
    if !raw.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
        return wrong("can only contain characters that are alphanumeric characters or hyphens(-)");
    }
    if raw.starts_with('-') || raw.ends_with('-') {
        return wrong("cannot begin or end with '-'");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_say_what_is_wrong() {
        let wrong = |raw: &str| load_balancer(raw).unwrap_err().to_string();
        assert!(load_balancer("web-1").is_ok());
        assert_eq!(wrong("-a"), "Load balancer name '-a' cannot begin or end with '-'");
        assert!(wrong(&"a".repeat(33)).ends_with("cannot be longer than '32' characters"));
        assert!(wrong("a_b").contains("alphanumeric"));
        assert!(wrong("internal-a").contains("'internal-'"));
    }
}
