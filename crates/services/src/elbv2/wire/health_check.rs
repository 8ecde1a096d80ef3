//! Health checks: the settings of CreateTargetGroup and ModifyTargetGroup with ELB's defaults and limits.

use model::ecs::text::TextEnum;
use model::elbv2::{HealthCheck, HealthCheckPort, HealthCheckProtocol, Matcher, Protocol, ProtocolVersion};
use wire::elbv2 as shapes;

use super::number;
use crate::elbv2::error::Error;

/// What a request says of health checks; nothing of it is required.
#[derive(Clone, Debug, Default)]
pub(in crate::elbv2) struct Asked {
    pub(in crate::elbv2) enabled: Option<bool>,
    pub(in crate::elbv2) protocol: Option<String>,
    pub(in crate::elbv2) port: Option<String>,
    pub(in crate::elbv2) path: Option<String>,
    pub(in crate::elbv2) interval: Option<i32>,
    pub(in crate::elbv2) timeout: Option<i32>,
    pub(in crate::elbv2) healthy: Option<i32>,
    pub(in crate::elbv2) unhealthy: Option<i32>,
    pub(in crate::elbv2) matcher: Option<shapes::Matcher>,
}

/// The health check of a group of this protocol: what was asked, else what was, else ELB's default.
pub(in crate::elbv2) fn read(
    asked: &Asked,
    before: Option<&HealthCheck>,
    group: Protocol,
    version: Option<ProtocolVersion>,
) -> Result<HealthCheck, Error> {
    if asked.enabled == Some(false) {
        return Err(Error::validation(
            "Health check enabled must be true for target groups with target type 'instance' or 'ip'",
        ));
    }
    let protocol = protocol(asked, before, group)?;
    // Settings of another protocol say nothing about this one.
    let before = before.filter(|before| before.protocol.is_http() == protocol.is_http());
    let seconds = |asked: Option<i32>, before: Option<u32>, default: u32, of: &str| match asked {
        Some(raw) => number(raw, of),
        None => Ok(before.unwrap_or(default)),
    };
    let timeout = default_timeout(group, protocol);
    let check = HealthCheck {
        protocol,
        port: port(asked, before)?,
        path: path(asked, before, protocol, version)?,
        interval_seconds: seconds(asked.interval, before.map(|it| it.interval_seconds), 30, "interval")?,
        timeout_seconds: seconds(asked.timeout, before.map(|it| it.timeout_seconds), timeout, "timeout")?,
        healthy_threshold: seconds(asked.healthy, before.map(|it| it.healthy_threshold), 5, "threshold")?,
        unhealthy_threshold: seconds(
            asked.unhealthy,
            before.map(|it| it.unhealthy_threshold),
            2,
            "threshold",
        )?,
        matcher: matcher(asked, before, protocol, group, version)?,
    };
    check_times(&check, group)?;
    Ok(check)
}

fn protocol(
    asked: &Asked,
    before: Option<&HealthCheck>,
    group: Protocol,
) -> Result<HealthCheckProtocol, Error> {
    let default = if group.is_http() { HealthCheckProtocol::Http } else { HealthCheckProtocol::Tcp };
    let Some(raw) = asked.protocol.as_deref() else {
        return Ok(before.map_or(default, |before| before.protocol));
    };
    let Some(protocol) = HealthCheckProtocol::parse(raw) else {
        return Err(Error::validation(format!(
            "Health check protocol '{raw}' must be one of [HTTP, HTTPS, TCP]"
        )));
    };
    if group.is_http() && !protocol.is_http() {
        return Err(Error::validation(format!(
            "Health check protocol '{raw}' is not supported for target groups with the protocol '{group}'"
        )));
    }
    Ok(protocol)
}

fn port(asked: &Asked, before: Option<&HealthCheck>) -> Result<HealthCheckPort, Error> {
    match asked.port.as_deref() {
        None => Ok(before.map_or(HealthCheckPort::Traffic, |before| before.port)),
        Some("traffic-port") => Ok(HealthCheckPort::Traffic),
        Some(raw) => match raw.parse() {
            Ok(port) if port != 0 => Ok(HealthCheckPort::Fixed(port)),
            Ok(_) | Err(_) => Err(Error::validation(format!(
                "Health check port '{raw}' must be 'traffic-port' or a port between 1 and 65535"
            ))),
        },
    }
}

fn path(
    asked: &Asked,
    before: Option<&HealthCheck>,
    protocol: HealthCheckProtocol,
    version: Option<ProtocolVersion>,
) -> Result<Option<String>, Error> {
    if !protocol.is_http() {
        return match &asked.path {
            None => Ok(None),
            Some(_) => {
                Err(Error::validation("Health check path cannot be specified with the protocol 'TCP'"))
            }
        };
    }
    let default = match version {
        Some(ProtocolVersion::Grpc) => "/AWS.ALB/healthcheck",
        Some(ProtocolVersion::Http1 | ProtocolVersion::Http2) | None => "/",
    };
    let before = before.and_then(|before| before.path.clone());
    let path = asked.path.clone().or(before).unwrap_or_else(|| default.to_owned());
    let fits =
        path.starts_with('/') && path.len() <= 1024 && path.bytes().all(|byte| byte.is_ascii_graphic());
    if fits {
        return Ok(Some(path));
    }
    Err(Error::validation(format!(
        "Health check path '{path}' must begin with a '/' character, and can have 1024 characters at most"
    )))
}

/// ELB's default timeouts in seconds.
fn default_timeout(group: Protocol, check: HealthCheckProtocol) -> u32 {
    match (group, check) {
        (Protocol::Http | Protocol::Https, _) => 5,
        (Protocol::Tcp | Protocol::Tls, HealthCheckProtocol::Http) => 6,
        (Protocol::Tcp | Protocol::Tls, HealthCheckProtocol::Https | HealthCheckProtocol::Tcp) => 10,
    }
}

fn matcher(
    asked: &Asked,
    before: Option<&HealthCheck>,
    protocol: HealthCheckProtocol,
    group: Protocol,
    version: Option<ProtocolVersion>,
) -> Result<Option<Matcher>, Error> {
    let wanted = asked.matcher.as_ref();
    if !protocol.is_http() {
        return match wanted {
            None => Ok(None),
            Some(_) => Err(Error::validation("Matcher cannot be specified with health check protocol 'TCP'")),
        };
    }
    let grpc = version == Some(ProtocolVersion::Grpc);
    let (named, other, default) = match (grpc, group.is_http()) {
        (true, _) => {
            (wanted.and_then(|it| it.grpc_code.as_ref()), wanted.and_then(|it| it.http_code.as_ref()), "12")
        }
        (false, true) => {
            (wanted.and_then(|it| it.http_code.as_ref()), wanted.and_then(|it| it.grpc_code.as_ref()), "200")
        }
        (false, false) => (
            wanted.and_then(|it| it.http_code.as_ref()),
            wanted.and_then(|it| it.grpc_code.as_ref()),
            "200-399",
        ),
    };
    if other.is_some() {
        let (wrong, right) = if grpc { ("HttpCode", "GrpcCode") } else { ("GrpcCode", "HttpCode") };
        return Err(Error::validation(format!(
            "Matcher cannot be specified by '{wrong}' for this protocol version: use '{right}'"
        )));
    }
    let text = named.map(String::as_str);
    let before = before.and_then(|before| before.matcher.clone());
    let Some(text) = text else {
        return Ok(Some(before.unwrap_or_else(|| default.parse().expect("our defaults are lists of codes"))));
    };
    let (first, last) = match (grpc, group.is_http()) {
        (true, _) => (0, 99),
        (false, true) => (200, 499),
        (false, false) => (200, 599),
    };
    let matcher: Option<Matcher> = text.parse().ok();
    matcher.filter(|matcher| matcher.within(first, last)).map(Some).ok_or_else(|| {
        Error::validation(format!(
            "Health check matcher '{text}' must be a list of codes or ranges of codes between {first} and {last}"
        ))
    })
}

fn check_times(check: &HealthCheck, group: Protocol) -> Result<(), Error> {
    let (timeout, interval) = (check.timeout_seconds, check.interval_seconds);
    if group.is_http() && timeout >= interval {
        return Err(Error::validation(format!(
            "Health check timeout '{timeout}' must be smaller than the interval '{interval}'"
        )));
    }
    if timeout > interval {
        return Err(Error::validation(format!(
            "Health check timeout '{timeout}' must be smaller than or equal to the interval '{interval}'"
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(asked: &Asked, group: Protocol, expected: Result<(u32, &str), &str>) {
        let version = group.is_http().then_some(ProtocolVersion::Http1);
        let found = read(asked, None, group, version).map_err(|error| error.to_string());
        let matcher =
            |check: &HealthCheck| check.matcher.as_ref().map(ToString::to_string).unwrap_or_default();
        match (&found, expected) {
            (Ok(found), Ok((timeout, codes))) => {
                assert_eq!((found.timeout_seconds, matcher(found).as_str()), (timeout, codes));
            }
            (Err(found), Err(expected)) => assert!(found.contains(expected), "{found}"),
            (found, expected) => panic!("{found:?} is not {expected:?}"),
        }
    }

    #[test]
    fn defaults_are_elbs() {
        let http = Asked { protocol: Some("HTTP".into()), ..Asked::default() };
        check(&Asked::default(), Protocol::Http, Ok((5, "200")));
        check(&Asked::default(), Protocol::Tcp, Ok((10, "")));
        check(&http, Protocol::Tls, Ok((6, "200-399")));
    }

    #[test]
    fn limits_are_elbs() {
        let timeout = |timeout| Asked { timeout: Some(timeout), ..Asked::default() };
        check(&timeout(30), Protocol::Http, Err("must be smaller than the interval '30'"));
        check(&timeout(30), Protocol::Tcp, Ok((30, "")));
        let path = Asked { path: Some("health".into()), ..Asked::default() };
        check(&path, Protocol::Http, Err("must begin with a '/'"));
        check(&path, Protocol::Tcp, Err("cannot be specified"));
        let codes = |code: &str| Asked {
            matcher: Some(shapes::Matcher { http_code: Some(code.into()), grpc_code: None }),
            ..Asked::default()
        };
        check(&codes("200-299"), Protocol::Http, Ok((5, "200-299")));
        check(&codes("200-500"), Protocol::Http, Err("between 200 and 499"));
        check(&Asked { enabled: Some(false), ..Asked::default() }, Protocol::Tcp, Err("must be true"));
        check(
            &Asked { protocol: Some("TCP".into()), ..Asked::default() },
            Protocol::Http,
            Err("not supported"),
        );
    }
}
