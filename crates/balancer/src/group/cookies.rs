//! Cookies that keep a client at its target (`AWSALB`) and in its target group (`AWSALBTG`).
//!
//! The value names a hash and when it was given; it outlives restarts, and an unknown one is as good as none. It
//! needs no seal: a client can choose among the registered targets, which repeating requests could do too.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, header};

/// The cookies that we give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cookie {
    /// A target.
    Target,
    /// A target, while the application's own cookie lives.
    Application,
    /// A target group.
    Group,
}

/// What a cookie of ours says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sticky {
    /// The target or target group.
    pub hash: u64,
    /// When it was given, in seconds since 1970.
    pub issued: u64,
}

impl Cookie {
    /// Its name, and that of its copy for cross-site requests, which application cookies lack.
    fn names(self) -> (&'static str, Option<&'static str>) {
        match self {
            Cookie::Target => ("AWSALB", Some("AWSALBCORS")),
            Cookie::Application => ("AWSALBAPP-0", None),
            Cookie::Group => ("AWSALBTG", Some("AWSALBTGCORS")),
        }
    }

    /// Reads it from a request, unless it is too old.
    pub fn read(self, headers: &HeaderMap, now: SystemTime, lifetime: Duration) -> Option<Sticky> {
        let (name, copy) = self.names();
        let value = find_cookie(headers, name).or_else(|| find_cookie(headers, copy?))?;
        let sticky = decode(value)?;
        let age = seconds(now).checked_sub(sticky.issued)?;
        (age <= lifetime.as_secs()).then_some(sticky)
    }

    /// The values of `Set-Cookie` that give it.
    pub fn give(self, hash: u64, now: SystemTime, lifetime: Duration, secure: bool) -> Vec<String> {
        let value = encode(Sticky { hash, issued: seconds(now) });
        let expires = httpdate::fmt_http_date(now + lifetime);
        let (name, copy) = self.names();
        let mut given = vec![format!("{name}={value}; Expires={expires}; Path=/")];
        if let Some(copy) = copy {
            let secure = if secure { "; Secure" } else { "" };
            given.push(format!("{copy}={value}; Expires={expires}; Path=/; SameSite=None{secure}"));
        }
        given
    }
}

/// A cookie of a request.
pub fn find_cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(';')).find_map(|pair| pair.trim().strip_prefix(name)?.strip_prefix('='))
}

/// Names something in cookies: FNV-1a, the same in every process.
pub fn hash(parts: &[&str]) -> u64 {
    let bytes = parts.iter().flat_map(|part| part.bytes().chain([0]));
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

fn encode(sticky: Sticky) -> String {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&sticky.hash.to_be_bytes());
    bytes[8..].copy_from_slice(&sticky.issued.to_be_bytes());
    STANDARD.encode(bytes)
}

fn decode(value: &str) -> Option<Sticky> {
    let bytes: [u8; 16] = STANDARD.decode(value.trim_matches('"')).ok()?.try_into().ok()?;
    let (hash, issued) = bytes.split_at(8);
    Some(Sticky {
        hash: u64::from_be_bytes(hash.try_into().ok()?),
        issued: u64::from_be_bytes(issued.try_into().ok()?),
    })
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn a_cookie_comes_back_until_it_is_too_old() {
        let (now, life) = (UNIX_EPOCH + Duration::from_secs(1_700_000_000), Duration::from_secs(60));
        let given = Cookie::Target.give(7, now, life, true);
        assert!(given[0].starts_with("AWSALB=") && given[0].ends_with("GMT; Path=/"), "{given:?}");
        assert!(given[1].starts_with("AWSALBCORS=") && given[1].ends_with("; SameSite=None; Secure"));
        let value = given[1].split(';').next().unwrap();
        let header = HeaderValue::from_str(&format!("a=b; {value}; c")).unwrap();
        let headers = HeaderMap::from_iter([(header::COOKIE, header)]);
        assert_eq!(Cookie::Target.read(&headers, now + life, life).map(|sticky| sticky.hash), Some(7));
        assert_eq!(Cookie::Target.read(&headers, now + life * 2, life), None);
        assert_eq!(Cookie::Group.read(&headers, now, life), None);
    }

    #[test]
    fn nonsense_is_no_cookie() {
        let headers = |text| HeaderMap::from_iter([(header::COOKIE, HeaderValue::from_static(text))]);
        let read = |text| Cookie::Target.read(&headers(text), UNIX_EPOCH, Duration::MAX);
        assert_eq!(read("AWSALB=zzz"), None);
        assert_eq!(read("XAWSALB=AAAAAAAAAAAAAAAAAAAAAA=="), None);
        assert_eq!(read("AWSALB=AAAAAAAAAAAAAAAAAAAAAA=="), Some(Sticky { hash: 0, issued: 0 }));
    }
}
