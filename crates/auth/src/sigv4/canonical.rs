//! The canonical request: the one text that client and server must both arrive at.
//!
//! Paths are encoded once more than they were sent (every service but S3), query parameters are
//! sorted after encoding, header values are trimmed and their inner spaces collapsed.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use sha2::{Digest, Sha256};

/// All but RFC 3986's unreserved characters.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
/// The same for a path, whose slashes stay.
const RESERVED_IN_PATH: &AsciiSet = &RESERVED.remove(b'/');
/// The query parameter that is not signed.
const SIGNATURE: &str = "X-Amz-Signature";

/// A request as it came over the wire, without its body.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// The method.
    pub method: &'a str,
    /// The path, as sent.
    pub path: &'a str,
    /// The query string, as sent, without the question mark.
    pub query: &'a str,
    /// The headers in their order, names in lower case; `host` among them.
    pub headers: &'a [(&'a str, &'a str)],
}

impl<'a> Message<'a> {
    /// The first header called `name`.
    pub fn header(&self, name: &str) -> Option<&'a str> {
        self.headers.iter().find(|(key, _)| *key == name).map(|(_, value)| *value)
    }

    /// The decoded query parameter `name`.
    pub(super) fn parameter(&self, name: &str) -> Option<String> {
        pairs(self.query).find(|(key, _)| key == name).map(|(_, value)| value)
    }
}

/// The hash of a body, as `x-amz-content-sha256` carries it.
pub fn hash(body: &[u8]) -> String {
    hex::encode(Sha256::digest(body))
}

/// The text whose hash is signed.
pub(super) fn canonical_request(message: &Message<'_>, signed_headers: &[String], body_hash: &str) -> String {
    let mut names: Vec<&str> = signed_headers.iter().map(String::as_str).collect();
    names.sort_unstable();
    let mut text = format!("{}\n{}\n{}\n", message.method, path(message.path), query(message.query));
    for name in &names {
        text.push_str(name);
        text.push(':');
        let values = message.headers.iter().filter(|(key, _)| key == name).map(|(_, value)| trim(value));
        text.push_str(&values.collect::<Vec<_>>().join(","));
        text.push('\n');
    }
    text.push('\n');
    text.push_str(&names.join(";"));
    text.push('\n');
    text.push_str(body_hash);
    text
}

fn path(raw: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in raw.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    let last = raw.rsplit('/').next().unwrap_or_default();
    let tail = if !parts.is_empty() && matches!(last, "" | "." | "..") { "/" } else { "" };
    let normal = format!("/{}{tail}", parts.join("/"));
    utf8_percent_encode(&normal, RESERVED_IN_PATH).to_string()
}

fn query(raw: &str) -> String {
    let encode = |text: &str| utf8_percent_encode(text, RESERVED).to_string();
    let mut all: Vec<(String, String)> = pairs(raw)
        .filter(|(name, _)| name != SIGNATURE)
        .map(|(name, value)| (encode(&name), encode(&value)))
        .collect();
    all.sort_unstable();
    let joined: Vec<String> = all.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    joined.join("&")
}

fn pairs(raw: &str) -> impl Iterator<Item = (String, String)> {
    raw.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decode(name), decode(value))
    })
}

fn decode(text: &str) -> String {
    percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned()
}

/// Trims a value and collapses its runs of spaces.
fn trim(value: &str) -> String {
    value.split([' ', '\t']).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_normal_and_encoded_once_more() {
        for (raw, expected) in [
            ("/", "/"),
            ("", "/"),
            ("//", "/"),
            ("/.", "/"),
            ("/example/..", "/"),
            ("/example1/example2/../..", "/"),
            ("//example//", "/example/"),
            ("/./example", "/example"),
            ("/example space/", "/example%20space/"),
            ("/documents%20and%20settings/", "/documents%2520and%2520settings/"),
            ("/\u{1234}", "/%E1%88%B4"),
            ("/service/A/operation/B", "/service/A/operation/B"),
        ] {
            assert_eq!(path(raw), expected, "{raw}");
        }
    }

    #[test]
    fn queries_are_sorted_by_name_then_value() {
        for (raw, expected) in [
            ("", ""),
            ("Param2=value2&Param1=value1", "Param1=value1&Param2=value2"),
            ("Param1=value2&Param1=Value1", "Param1=Value1&Param1=value2"),
            ("Param", "Param="),
            ("a=%2F&a=%20&b=%e1%88%b4", "a=%20&a=%2F&b=%E1%88%B4"),
            ("X-Amz-Signature=x&A=1", "A=1"),
        ] {
            assert_eq!(query(raw), expected, "{raw}");
        }
    }

    #[test]
    fn header_values_are_trimmed_and_joined() {
        let message = Message {
            method: "GET",
            path: "/",
            query: "",
            headers: &[("host", "h"), ("my-header", "  a   b  "), ("my-header", "c")],
        };
        let text = canonical_request(&message, &["my-header".into(), "host".into()], "x");
        assert_eq!(text, "GET\n/\n\nhost:h\nmy-header:a b,c\n\nhost;my-header\nx");
    }
}
