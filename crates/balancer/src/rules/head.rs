//! What rules see of a request.

use std::net::IpAddr;

use http::{HeaderMap, Uri, header};

/// A request's head, as conditions and redirects look at it.
#[derive(Clone, Copy, Debug)]
pub struct Head<'a> {
    /// The method.
    pub method: &'a str,
    /// The host, without its port.
    pub host: &'a str,
    /// The path, without the query.
    pub path: &'a str,
    /// The query, without its `?`.
    pub query: Option<&'a str>,
    /// The headers.
    pub headers: &'a HeaderMap,
    /// The other end of the connection.
    pub client: IpAddr,
}

/// The host of a request without its port: from the target of the request, or from its `Host`.
/// `None` where neither has one, or `Host` is not text.
pub fn host_of<'a>(uri: &'a Uri, headers: &'a HeaderMap) -> Option<&'a str> {
    match uri.host() {
        Some(host) => Some(host),
        None => headers.get(header::HOST)?.to_str().ok().map(without_port),
    }
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) && !name.ends_with(':') => name,
        Some(_) | None => host,
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn check(host: &str, expected: &str) {
        let headers = HeaderMap::from_iter([(header::HOST, HeaderValue::from_str(host).unwrap())]);
        assert_eq!(host_of(&Uri::from_static("/"), &headers), Some(expected));
    }

    #[test]
    fn ports_are_no_part_of_a_host() {
        check("a.example.com:8080", "a.example.com");
        check("a.example.com", "a.example.com");
        check("[::1]:80", "[::1]");
        check("[::1]", "[::1]");
        let uri = Uri::from_static("http://b.example.com:81/x");
        assert_eq!(host_of(&uri, &HeaderMap::new()), Some("b.example.com"));
        assert_eq!(host_of(&Uri::from_static("/"), &HeaderMap::new()), None);
    }
}
