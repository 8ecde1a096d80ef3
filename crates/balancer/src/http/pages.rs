//! Responses of the load balancer's own.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode, header};

use super::body::Download;

/// How ELB names itself.
pub const SERVER: HeaderValue = HeaderValue::from_static("awselb/2.0");

/// A page that says no more than its status, in ELB's form.
pub fn refuse(status: u16) -> Response<Download> {
    page(status, None)
}

/// A redirect.
pub fn redirect(status: u16, location: &str) -> Response<Download> {
    match HeaderValue::from_str(location) {
        Ok(location) => page(status, Some((header::LOCATION, location))),
        Err(_) => refuse(500),
    }
}

/// A fixed response.
pub fn fixed(status: u16, content_type: Option<&str>, body: &Bytes) -> Response<Download> {
    let mut response = Response::new(Download::from(body.clone()));
    *response.status_mut() = status_of(status);
    response.headers_mut().insert(header::SERVER, SERVER);
    if let Some(content_type) = content_type.and_then(|text| HeaderValue::from_str(text).ok()) {
        response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    }
    response
}

fn page(status: u16, more: Option<(HeaderName, HeaderValue)>) -> Response<Download> {
    let title = format!("{status} {}", reason(status));
    let text = format!(
        "<html>\r\n<head><title>{}</title></head>\r\n<body>\r\n<center><h1>{}</h1></center>\r\n</body>\r\n</html>\r\n",
        title.trim(),
        title.trim()
    );
    let mut response = fixed(status, Some("text/html"), &Bytes::from(text));
    if let Some((name, value)) = more {
        response.headers_mut().insert(name, value);
    }
    response
}

fn status_of(status: u16) -> StatusCode {
    StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// ELB's words are nginx's, which differ from the standard's in two places.
fn reason(status: u16) -> &'static str {
    match status {
        503 => "Service Temporarily Unavailable",
        504 => "Gateway Time-out",
        405 => "Not Allowed",
        _ => status_of(status).canonical_reason().unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use http_body::Body;

    use super::*;

    fn check(status: u16, length: u64) {
        let response = refuse(status);
        assert_eq!(response.body().size_hint().exact(), Some(length), "{status}");
        assert_eq!(response.headers()[header::SERVER], "awselb/2.0");
    }

    #[test]
    fn pages_are_as_long_as_elbs() {
        check(503, 162);
        check(502, 122);
        check(504, 132);
        check(400, 122);
        assert_eq!(redirect(301, "https://a:443/").body().size_hint().exact(), Some(134));
    }
}
