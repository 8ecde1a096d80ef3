//! Redirects: a location with `#{…}` filled in.

use super::Head;

/// A redirect action.
#[derive(Clone, Debug)]
pub struct Redirect {
    /// `HTTP`, `HTTPS` or `#{protocol}`.
    pub protocol: String,
    /// The host.
    pub host: String,
    /// The port.
    pub port: String,
    /// The path.
    pub path: String,
    /// The query.
    pub query: String,
    /// 301 or 302.
    pub status: u16,
}

impl Redirect {
    /// Where a request is sent. `protocol` and `port` are the listener's. The port is always named, as ELB does.
    pub fn location(&self, head: &Head<'_>, protocol: &str, port: u16) -> String {
        let port = port.to_string();
        let fill = |template: &str| fill(template, head, protocol, &port);
        let (protocol, host) = (fill(&self.protocol).to_ascii_lowercase(), fill(&self.host));
        let path = fill(&self.path);
        let slash = if path.starts_with('/') { "" } else { "/" };
        let mut location = format!("{protocol}://{host}:{}{slash}{path}", fill(&self.port));
        let query = fill(&self.query);
        if !query.is_empty() {
            location.push('?');
            location.push_str(&query);
        }
        location
    }
}

/// `#{path}` comes without its leading slash, which the template has.
fn fill(template: &str, head: &Head<'_>, protocol: &str, port: &str) -> String {
    let mut out = String::with_capacity(template.len());
    let mut rest = template;
    while let Some((before, behind)) = rest.split_once("#{") {
        let Some((name, after)) = behind.split_once('}') else { break };
        out.push_str(before);
        match name {
            "protocol" => out.push_str(protocol),
            "host" => out.push_str(head.host),
            "port" => out.push_str(port),
            "path" => out.push_str(head.path.strip_prefix('/').unwrap_or(head.path)),
            "query" => out.push_str(head.query.unwrap_or_default()),
            other => {
                out.push_str("#{");
                out.push_str(other);
                out.push('}');
            }
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::*;

    fn check(parts: [&str; 5], query: Option<&str>, expected: &str) {
        let [protocol, host, port, path, wanted] = parts.map(str::to_owned);
        let redirect = Redirect { protocol, host, port, path, query: wanted, status: 301 };
        let headers = HeaderMap::new();
        let client = [127, 0, 0, 1].into();
        let head =
            Head { method: "GET", host: "a.example.com", path: "/x/y", query, headers: &headers, client };
        assert_eq!(redirect.location(&head, "HTTP", 80), expected);
    }

    #[test]
    fn templates_are_filled_from_the_request() {
        let defaults = ["HTTPS", "#{host}", "443", "/#{path}", "#{query}"];
        check(defaults, Some("q=1"), "https://a.example.com:443/x/y?q=1");
        check(defaults, None, "https://a.example.com:443/x/y");
        check(
            ["#{protocol}", "www.#{host}", "#{port}", "/new/#{path}", "old=#{query}&b"],
            Some("q"),
            "http://www.a.example.com:80/new/x/y?old=q&b",
        );
        check(["HTTP", "h", "1", "/#{", ""], None, "http://h:1/#{");
    }
}
