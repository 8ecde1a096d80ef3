//! Actions: what rules do, read with ELB's limits and shown as ELB shows them.

use model::Scope;
use model::ecs::text::TextEnum;
use model::elbv2::action::{RedirectProtocol, RedirectStatus};
use model::elbv2::{Action, FixedResponse, Forward, Protocol, Redirect, TargetGroupId, WeightedGroup};
use wire::elbv2 as shapes;

use super::number;
use crate::elbv2::error::{Code, Error};

/// Groups that one action may forward to.
const MOST_GROUPS: usize = 5;
const WEEK: u32 = 604_800;
const CONTENT_TYPES: [&str; 5] =
    ["text/plain", "text/css", "text/html", "application/javascript", "application/json"];

/// Reads the one action of a rule of a listener that speaks `protocol`.
pub(in crate::elbv2) fn read(
    actions: Vec<shapes::Action>,
    protocol: Protocol,
    scope: &Scope,
) -> Result<Action, Error> {
    let count = actions.len();
    let mut actions = actions.into_iter();
    let (Some(action), None) = (actions.next(), actions.next()) else {
        return match count {
            0 => Err(Error::validation("An action must be specified")),
            _ => Err(invalid(
                "A rule has exactly one action, of type 'forward', 'redirect' or 'fixed-response'",
            )),
        };
    };
    let read = match action.r#type.as_str() {
        "forward" => Action::Forward(forward(action, scope)?),
        "redirect" if protocol.is_http() => Action::Redirect(redirect(action, protocol)?),
        "fixed-response" if protocol.is_http() => Action::FixedResponse(fixed_response(action)?),
        "redirect" | "fixed-response" => {
            return Err(invalid(format!(
                "Action type '{}' is not supported for listeners with the protocol '{protocol}'",
                action.r#type
            )));
        }
        other => return Err(invalid(format!("Action type '{other}' is not supported"))),
    };
    Ok(read)
}

fn invalid(message: impl Into<String>) -> Error {
    Error::client(Code::InvalidLoadBalancerAction, message)
}

fn forward(action: shapes::Action, scope: &Scope) -> Result<Forward, Error> {
    let config = action.forward_config.unwrap_or_default();
    let mut tuples = config.target_groups.unwrap_or_default();
    match (&action.target_group_arn, &tuples[..]) {
        (Some(arn), []) => {
            tuples.push(shapes::TargetGroupTuple { target_group_arn: Some(arn.clone()), weight: None })
        }
        (Some(arn), [only]) if only.target_group_arn.as_ref() == Some(arn) => {}
        (Some(_), _) => {
            return Err(Error::validation(
                "You can specify 'TargetGroupArn' beside 'ForwardConfig' only if both name the same target group",
            ));
        }
        (None, []) => return Err(Error::validation("A target group ARN must be specified")),
        (None, _) => {}
    }
    if tuples.len() > MOST_GROUPS {
        let message = format!("The maximum number of target groups per action is '{MOST_GROUPS}'");
        return Err(Error::client(Code::TooManyTargetGroups, message));
    }
    let mut groups: Vec<WeightedGroup> = Vec::new();
    for tuple in tuples {
        let group = weighted(&tuple, scope)?;
        if groups.iter().any(|known| known.group == group.group) {
            return Err(Error::validation("A target group can be specified once per action"));
        }
        groups.push(group);
    }
    Ok(Forward { groups, stickiness_seconds: stickiness(config.target_group_stickiness_config)? })
}

fn weighted(tuple: &shapes::TargetGroupTuple, scope: &Scope) -> Result<WeightedGroup, Error> {
    let raw = tuple.target_group_arn.as_deref().unwrap_or_default();
    let group = TargetGroupId::parse(raw, scope)
        .ok_or_else(|| Error::client(Code::TargetGroupNotFound, format!("Target group '{raw}' not found")))?;
    let weight = tuple.weight.unwrap_or(1);
    if !(0..=999).contains(&weight) {
        return Err(Error::validation(format!(
            "The weight '{weight}' must be between '0' and '999' inclusive"
        )));
    }
    Ok(WeightedGroup { group, weight: number(weight, "weight")? })
}

fn stickiness(config: Option<shapes::TargetGroupStickinessConfig>) -> Result<Option<u32>, Error> {
    let Some(config) = config.filter(|config| config.enabled == Some(true)) else { return Ok(None) };
    let duration = config.duration_seconds.and_then(|seconds| u32::try_from(seconds).ok());
    duration.filter(|seconds| (1..=WEEK).contains(seconds)).map(Some).ok_or_else(|| {
        Error::validation(format!(
            "Target group stickiness duration must be specified between '1' and '{WEEK}' seconds"
        ))
    })
}

fn redirect(action: shapes::Action, listener: Protocol) -> Result<Redirect, Error> {
    let config = action
        .redirect_config
        .ok_or_else(|| Error::validation("A redirect configuration must be specified"))?;
    let raw = config.protocol.as_deref().unwrap_or("#{protocol}");
    let protocol = RedirectProtocol::parse(raw)
        .ok_or_else(|| invalid("The Protocol must be 'HTTP', 'HTTPS', or '#{protocol}'"))?;
    if listener == Protocol::Https && protocol == RedirectProtocol::Http {
        return Err(invalid("The redirect cannot be from HTTPS to HTTP"));
    }
    let redirect = Redirect {
        protocol,
        host: config.host.unwrap_or_else(|| "#{host}".to_owned()),
        port: config.port.unwrap_or_else(|| "#{port}".to_owned()),
        path: config.path.unwrap_or_else(|| "/#{path}".to_owned()),
        query: config.query.unwrap_or_else(|| "#{query}".to_owned()),
        status: RedirectStatus::parse(&config.status_code)
            .ok_or_else(|| Error::validation("The redirect status must be HTTP_301 or HTTP_302"))?,
    };
    if redirect.port != "#{port}" && redirect.port.parse::<u16>().ok().is_none_or(|port| port == 0) {
        return Err(invalid("The Port must be '#{port}', or an integer from 1 to 65535"));
    }
    if !redirect.path.starts_with('/') {
        return Err(invalid("The Path parameter must begin with the '/' character"));
    }
    if redirect.query.starts_with('?') {
        return Err(invalid("The Query parameter cannot begin with the '?' character"));
    }
    let same_protocol = matches!(
        (protocol, listener),
        (RedirectProtocol::Same, _)
            | (RedirectProtocol::Http, Protocol::Http)
            | (RedirectProtocol::Https, Protocol::Https)
    );
    if same_protocol
        && redirect.host == "#{host}"
        && redirect.port == "#{port}"
        && redirect.path == "/#{path}"
    {
        return Err(invalid("The redirect configuration is not valid because it creates a loop."));
    }
    Ok(redirect)
}

fn fixed_response(action: shapes::Action) -> Result<FixedResponse, Error> {
    let config = action
        .fixed_response_config
        .ok_or_else(|| Error::validation("A fixed response configuration must be specified"))?;
    let status = config.status_code.parse::<u16>().ok();
    let status = status.filter(|status| matches!(status, 200..=299 | 400..=599)).ok_or_else(|| {
        Error::validation(format!("The status code '{}' must be 2XX, 4XX or 5XX", config.status_code))
    })?;
    if let Some(kind) = &config.content_type
        && !CONTENT_TYPES.contains(&kind.as_str())
    {
        return Err(invalid(
            "The ContentType must be one of:'text/html', 'application/json', 'application/javascript', 'text/css', \
             'text/plain'",
        ));
    }
    if config.message_body.as_ref().is_some_and(|body| body.len() > 1024) {
        return Err(Error::validation("The message body can have 1024 characters at most"));
    }
    Ok(FixedResponse { status, content_type: config.content_type, body: config.message_body })
}

/// An action as answers show it.
pub(in crate::elbv2) fn write(action: &Action, scope: &Scope) -> Vec<shapes::Action> {
    let shape = match action {
        Action::Forward(forward) => write_forward(forward, scope),
        Action::Redirect(redirect) => shapes::Action {
            r#type: "redirect".into(),
            redirect_config: Some(shapes::RedirectActionConfig {
                protocol: Some(redirect.protocol.to_string()),
                port: Some(redirect.port.clone()),
                host: Some(redirect.host.clone()),
                path: Some(redirect.path.clone()),
                query: Some(redirect.query.clone()),
                status_code: redirect.status.to_string(),
            }),
            ..shapes::Action::default()
        },
        Action::FixedResponse(response) => shapes::Action {
            r#type: "fixed-response".into(),
            fixed_response_config: Some(shapes::FixedResponseActionConfig {
                message_body: response.body.clone(),
                status_code: response.status.to_string(),
                content_type: response.content_type.clone(),
            }),
            ..shapes::Action::default()
        },
    };
    vec![shape]
}

/// A single group is shown in both forms, as ELB does.
fn write_forward(forward: &Forward, scope: &Scope) -> shapes::Action {
    let arn = |group: &WeightedGroup| group.group.arn(scope).to_string();
    let single = match &forward.groups[..] {
        [only] => Some(arn(only)),
        _several => None,
    };
    let tuples = forward.groups.iter().map(|group| shapes::TargetGroupTuple {
        target_group_arn: Some(arn(group)),
        weight: Some(group.weight.into()),
    });
    let seconds = forward.stickiness_seconds.map(|seconds| i32::try_from(seconds).unwrap_or(i32::MAX));
    shapes::Action {
        r#type: "forward".into(),
        target_group_arn: single,
        forward_config: Some(shapes::ForwardActionConfig {
            target_groups: Some(tuples.collect()),
            target_group_stickiness_config: Some(shapes::TargetGroupStickinessConfig {
                enabled: Some(forward.stickiness_seconds.is_some()),
                duration_seconds: seconds,
            }),
        }),
        ..shapes::Action::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{AccountId, Region};

    fn scope() -> Scope {
        Scope::new(AccountId::new("123456789012").unwrap(), Region::new("us-east-2").unwrap())
    }

    fn check(action: shapes::Action, protocol: Protocol, expected: Result<(), &str>) {
        let found = read(vec![action], protocol, &scope()).map_err(|error| error.to_string());
        match (found, expected) {
            (Ok(action), Ok(())) => {
                let again = read(write(&action, &scope()), protocol, &scope()).unwrap();
                assert_eq!(again, action, "what is shown can be given back");
            }
            (Err(found), Err(expected)) => assert!(found.contains(expected), "{found}"),
            (found, expected) => panic!("{found:?} is not {expected:?}"),
        }
    }

    fn group(tail: &str) -> String {
        format!("arn:aws:elasticloadbalancing:us-east-2:123456789012:targetgroup/{tail}/0123456789abcdef")
    }

    #[test]
    fn forwards_name_one_to_five_groups() {
        let action = |arn: Option<&str>, weights: &[i32]| shapes::Action {
            r#type: "forward".into(),
            target_group_arn: arn.map(group),
            forward_config: Some(shapes::ForwardActionConfig {
                target_groups: Some(
                    weights
                        .iter()
                        .enumerate()
                        .map(|(at, weight)| shapes::TargetGroupTuple {
                            target_group_arn: Some(group(&format!("g{at}"))),
                            weight: Some(*weight),
                        })
                        .collect(),
                ),
                target_group_stickiness_config: None,
            }),
            ..shapes::Action::default()
        };
        check(action(Some("g0"), &[]), Protocol::Tcp, Ok(()));
        check(action(Some("g0"), &[7]), Protocol::Http, Ok(()));
        check(action(None, &[0, 999]), Protocol::Http, Ok(()));
        check(action(Some("g0"), &[1, 1]), Protocol::Http, Err("only if both name the same"));
        check(action(None, &[1000]), Protocol::Http, Err("between '0' and '999'"));
        check(action(None, &[1; 6]), Protocol::Http, Err("maximum number of target groups"));
        check(action(None, &[]), Protocol::Http, Err("must be specified"));
    }

    #[test]
    fn redirects_lead_elsewhere() {
        let action = |protocol: &str, port: &str| shapes::Action {
            r#type: "redirect".into(),
            redirect_config: Some(shapes::RedirectActionConfig {
                protocol: Some(protocol.into()),
                port: Some(port.into()),
                status_code: "HTTP_301".into(),
                ..shapes::RedirectActionConfig::default()
            }),
            ..shapes::Action::default()
        };
        check(action("HTTPS", "443"), Protocol::Http, Ok(()));
        check(action("#{protocol}", "#{port}"), Protocol::Http, Err("creates a loop"));
        check(action("HTTP", "80"), Protocol::Https, Err("from HTTPS to HTTP"));
        check(action("HTTPS", "0"), Protocol::Http, Err("from 1 to 65535"));
        check(action("HTTPS", "443"), Protocol::Tcp, Err("not supported"));
    }

    #[test]
    fn fixed_responses_have_a_status() {
        let action = |status: &str, kind: Option<&str>| shapes::Action {
            r#type: "fixed-response".into(),
            fixed_response_config: Some(shapes::FixedResponseActionConfig {
                status_code: status.into(),
                content_type: kind.map(str::to_owned),
                message_body: Some("x".into()),
            }),
            ..shapes::Action::default()
        };
        check(action("404", Some("text/plain")), Protocol::Http, Ok(()));
        check(action("302", None), Protocol::Http, Err("must be 2XX, 4XX or 5XX"));
        check(action("200", Some("image/png")), Protocol::Http, Err("The ContentType must be"));
    }
}
