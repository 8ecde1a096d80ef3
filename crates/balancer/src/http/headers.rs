//! What a load balancer changes in the headers of requests and responses.

use std::fmt::Write as _;
use std::net::SocketAddr;

use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderMap, HeaderName, HeaderValue, Uri, Version, header, request};
use wire::link::{ForwardedFor, LoadBalancerAttributes};

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const FORWARDED_PORT: HeaderName = HeaderName::from_static("x-forwarded-port");
const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");
const TLS_VERSION: HeaderName = HeaderName::from_static("x-amzn-tls-version");
const TLS_CIPHER: HeaderName = HeaderName::from_static("x-amzn-tls-cipher-suite");
/// Addresses in `X-Forwarded-For` that ELB takes.
const MOST_FORWARDED: usize = 30;
/// Where ELB keeps the way of a request.
pub const TRACE_ID: HeaderName = HeaderName::from_static("x-amzn-trace-id");

/// What is known of the connection that a request came by.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The load balancer's attributes.
    pub attributes: &'a LoadBalancerAttributes,
    /// The client.
    pub peer: SocketAddr,
    /// The listener's port.
    pub port: u16,
    /// TLS's version and cipher suite, where TLS was spoken.
    pub tls: Option<(&'a str, &'a str)>,
}

/// Whether a request asks for a WebSocket, the only other protocol that ELB passes.
pub fn wants_upgrade(version: Version, headers: &HeaderMap) -> bool {
    version == Version::HTTP_11
        && headers.get(header::UPGRADE).is_some_and(|to| to.as_bytes().eq_ignore_ascii_case(b"websocket"))
        && connection_names(headers, "upgrade")
}

/// Whether a request came by more proxies than ELB lets pass.
pub fn came_too_far(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(FORWARDED_FOR).iter();
    lines.map(|line| line.as_bytes().split(|byte| *byte == b',').count()).sum::<usize>() > MOST_FORWARDED
}

/// Changes a request's headers for a target, but for its `Host`.
pub fn to_target(headers: &mut HeaderMap, facts: &Facts<'_>, trace_id: String, upgrade: bool) {
    let protocol = upgrade.then(|| headers.remove(header::UPGRADE)).flatten();
    drop_hop_by_hop(headers);
    headers.remove(header::EXPECT);
    join_cookies(headers);
    if facts.attributes.drop_invalid_header_fields {
        drop_invalid(headers);
    }
    match facts.attributes.forwarded_for {
        ForwardedFor::Append => append_forwarded_for(headers, facts),
        ForwardedFor::Preserve => {}
        ForwardedFor::Remove => drop(headers.remove(FORWARDED_FOR)),
    }
    let proto = if facts.tls.is_some() { "https" } else { "http" };
    headers.insert(FORWARDED_PROTO, HeaderValue::from_static(proto));
    headers.insert(FORWARDED_PORT, facts.port.into());
    if let Ok(trace_id) = HeaderValue::from_maybe_shared(bytes::Bytes::from(trace_id)) {
        headers.insert(TRACE_ID, trace_id);
    }
    if facts.attributes.tls_headers {
        for (name, value) in
            [(TLS_VERSION, facts.tls.map(|tls| tls.0)), (TLS_CIPHER, facts.tls.map(|tls| tls.1))]
        {
            headers.remove(&name);
            if let Some(value) = value.and_then(|value| HeaderValue::from_str(value).ok()) {
                headers.insert(name, value);
            }
        }
    }
    if let Some(protocol) = protocol {
        headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(header::UPGRADE, protocol);
    }
}

/// Writes a request's target and host in the form of the target's version of HTTP; `None` without a host.
pub fn address(parts: &mut request::Parts, facts: &Facts<'_>, version: Version) -> Option<()> {
    let given = match parts.uri.authority() {
        Some(authority) => HeaderValue::from_str(authority.as_str()).ok()?,
        None => parts.headers.get(header::HOST)?.clone(),
    };
    let host = with_port(given, facts)?;
    let path = parts.uri.path_and_query().cloned().unwrap_or(PathAndQuery::from_static("/"));
    let mut uri = http::uri::Parts::default();
    uri.path_and_query = Some(path);
    if version == Version::HTTP_2 {
        uri.scheme = Some(Scheme::HTTP);
        uri.authority =
            Some(Authority::from_maybe_shared(bytes::Bytes::copy_from_slice(host.as_bytes())).ok()?);
        parts.headers.remove(header::HOST);
    } else {
        parts.headers.insert(header::HOST, host);
    }
    parts.uri = Uri::from_parts(uri).ok()?;
    parts.version = version;
    Some(())
}

/// Changes a response's headers for a client. A switch of protocols keeps what names the protocol.
pub fn to_client(headers: &mut HeaderMap, upgrade: bool) {
    let protocol = upgrade.then(|| headers.remove(header::UPGRADE)).flatten();
    drop_hop_by_hop(headers);
    if let Some(protocol) = protocol {
        headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(header::UPGRADE, protocol);
    }
}

/// ELB names a port that is not the default one in `Host`, unless it is told to leave it alone.
fn with_port(host: HeaderValue, facts: &Facts<'_>) -> Option<HeaderValue> {
    if facts.attributes.preserve_host_header || matches!(facts.port, 80 | 443) {
        return Some(host);
    }
    let text = host.to_str().ok()?;
    let has_port = text.rsplit_once(':').is_some_and(|(_, port)| port.bytes().all(|b| b.is_ascii_digit()));
    if has_port { Some(host) } else { HeaderValue::from_str(&format!("{text}:{}", facts.port)).ok() }
}

fn append_forwarded_for(headers: &mut HeaderMap, facts: &Facts<'_>) {
    let mut list = String::with_capacity(48);
    for known in headers.get_all(FORWARDED_FOR).iter().filter_map(|value| value.to_str().ok()) {
        list.push_str(known);
        list.push_str(", ");
    }
    let written = match (facts.attributes.forwarded_for_port, facts.peer) {
        (false, peer) => write!(list, "{}", peer.ip()),
        (true, peer) => write!(list, "{peer}"),
    };
    debug_assert!(written.is_ok(), "a string takes whatever is written");
    if let Ok(list) = HeaderValue::from_maybe_shared(bytes::Bytes::from(list)) {
        headers.insert(FORWARDED_FOR, list);
    }
}

/// HTTP/2 may split cookies over lines, which HTTP/1.1 does not know.
fn join_cookies(headers: &mut HeaderMap) {
    if headers.get_all(header::COOKIE).iter().nth(1).is_none() {
        return;
    }
    let lines: Vec<&[u8]> = headers.get_all(header::COOKIE).iter().map(HeaderValue::as_bytes).collect();
    if let Ok(joined) = HeaderValue::from_bytes(&lines.join(&b"; "[..])) {
        headers.insert(header::COOKIE, joined);
    }
}

fn connection_names(headers: &HeaderMap, wanted: &str) -> bool {
    let lines = headers.get_all(header::CONNECTION).iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).any(|name| name.trim().eq_ignore_ascii_case(wanted))
}

/// Takes away what concerns one connection alone. `TE: trailers` stays: gRPC asks for it.
fn drop_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','))
        .filter(|name| !matches!(name.trim(), "keep-alive" | "Keep-Alive" | "close"))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named {
        headers.remove(name);
    }
    for name in [header::CONNECTION, header::TRANSFER_ENCODING, header::UPGRADE, KEEP_ALIVE, PROXY_CONNECTION]
    {
        headers.remove(name);
    }
    if headers.get(header::TE).is_some_and(|te| te != "trailers") {
        headers.remove(header::TE);
    }
}

/// Names of anything but letters, digits and hyphens.
fn drop_invalid(headers: &mut HeaderMap) {
    let valid = |name: &HeaderName| name.as_str().bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    let invalid: Vec<HeaderName> = headers.keys().filter(|name| !valid(name)).cloned().collect();
    for name in invalid {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn after(change: impl FnOnce(&mut LoadBalancerAttributes), given: &[(&str, &str)]) -> HeaderMap {
        let mut attributes = LoadBalancerAttributes::default();
        change(&mut attributes);
        let facts =
            Facts { attributes: &attributes, peer: "10.0.0.9:4711".parse().unwrap(), port: 8080, tls: None };
        let mut request = Request::builder().uri("/a?b");
        for (name, value) in given {
            request = request.header(*name, *value);
        }
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        to_target(&mut parts.headers, &facts, "Root=1".into(), false);
        address(&mut parts, &facts, Version::HTTP_11).unwrap();
        parts.headers
    }

    fn check(change: impl FnOnce(&mut LoadBalancerAttributes), expected: Option<&str>) {
        let headers =
            after(change, &[("host", "h"), ("x-forwarded-for", "1.1.1.1"), ("x-forwarded-for", "2.2.2.2")]);
        let got: Vec<_> = headers.get_all(FORWARDED_FOR).iter().map(|v| v.to_str().unwrap()).collect();
        assert_eq!((!got.is_empty()).then(|| got.join("|")).as_deref(), expected);
    }

    #[test]
    fn forwarded_for_follows_its_mode() {
        check(|_| {}, Some("1.1.1.1, 2.2.2.2, 10.0.0.9"));
        check(|a| a.forwarded_for_port = true, Some("1.1.1.1, 2.2.2.2, 10.0.0.9:4711"));
        check(|a| a.forwarded_for = ForwardedFor::Preserve, Some("1.1.1.1|2.2.2.2"));
        check(|a| a.forwarded_for = ForwardedFor::Remove, None);
    }

    #[test]
    fn cookies_arrive_on_one_line() {
        let headers = after(|_| {}, &[("host", "h"), ("cookie", "a=1"), ("cookie", "b=2; c=3")]);
        let lines: Vec<_> = headers.get_all(header::COOKIE).iter().collect();
        assert_eq!(lines, ["a=1; b=2; c=3"]);
    }

    #[test]
    fn thirty_proxies_are_enough() {
        let headers = |count| {
            let line = vec!["1.1.1.1"; count].join(", ");
            HeaderMap::from_iter([(FORWARDED_FOR, HeaderValue::from_str(&line).unwrap())])
        };
        assert!(!came_too_far(&headers(30)));
        assert!(came_too_far(&headers(31)));
    }

    #[test]
    fn what_concerns_one_connection_stays_there() {
        let given = [("host", "h"), ("connection", "close, X-Mine"), ("x-mine", "1"), ("keep-alive", "1")];
        let headers = after(|_| {}, &given);
        assert!(["connection", "x-mine", "keep-alive"].iter().all(|name| !headers.contains_key(*name)));
        assert_eq!(headers[FORWARDED_PROTO], "http");
        assert_eq!(headers[FORWARDED_PORT], "8080");
    }

    #[test]
    fn hosts_name_a_port_that_is_not_the_default() {
        assert_eq!(after(|_| {}, &[("host", "h")])[header::HOST], "h:8080");
        assert_eq!(after(|_| {}, &[("host", "h:1")])[header::HOST], "h:1");
        assert_eq!(after(|a| a.preserve_host_header = true, &[("host", "h")])[header::HOST], "h");
    }

    #[test]
    fn odd_names_go_where_that_is_wanted() {
        let given = [("host", "h"), ("x_odd", "1")];
        assert!(after(|_| {}, &given).contains_key("x_odd"));
        assert!(!after(|a| a.drop_invalid_header_fields = true, &given).contains_key("x_odd"));
    }
}
