//! Pages: `maxResults` and opaque `nextToken`s.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::error::Error;

/// The size of a page when the caller names none.
const DEFAULT_RESULTS: usize = 100;

/// How many results are asked for. The range was checked with the input.
pub(super) fn limit(max_results: Option<i32>) -> usize {
    max_results.and_then(|wanted| usize::try_from(wanted).ok()).unwrap_or(DEFAULT_RESULTS)
}

/// Makes the token that leads behind `position`.
pub(super) fn token(position: &impl Serialize) -> String {
    let text = serde_json::to_vec(position).expect("positions hold only what JSON can express");
    URL_SAFE_NO_PAD.encode(text)
}

/// Reads a token.
pub(super) fn position<T: DeserializeOwned>(token: Option<&String>) -> Result<Option<T>, Error> {
    let Some(token) = token else { return Ok(None) };
    let decoded = URL_SAFE_NO_PAD.decode(token).ok();
    let position = decoded.and_then(|text| serde_json::from_slice(&text).ok());
    position.map(Some).ok_or_else(|| Error::parameter("nextToken", "Invalid nextToken"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_lead_back_to_their_position() {
        let made = token(&("sha256:ab", 3));
        assert_eq!(position::<(String, u32)>(Some(&made)).unwrap(), Some(("sha256:ab".into(), 3)));
        assert_eq!(position::<String>(None).unwrap(), None);
        assert!(position::<String>(Some(&"junk!".to_owned())).is_err());
    }
}
