//! Takes a signature apart: the `Authorization` header, or the query of a presigned request.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use sha2::{Digest, Sha256};

use super::canonical::Message;
use super::stamp::Stamp;
use super::{ALGORITHM, MAX_PRESIGNED_SECONDS, PRESIGNED_SECONDS, Place, Presented};
use crate::rejection::Rejection;

pub(super) fn read(message: &Message<'_>) -> Result<Presented, Rejection> {
    match message.header("authorization") {
        Some(header) => from_header(message, header),
        None if message.parameter("X-Amz-Algorithm").is_some() => from_query(message),
        None => Err(Rejection::Missing),
    }
}

fn from_header(message: &Message<'_>, header: &str) -> Result<Presented, Rejection> {
    let incomplete = |problem: &str| {
        // The header itself is not repeated: logs are no place for it.
        let digest = BASE64.encode(Sha256::digest(header));
        Rejection::Incomplete(format!(
            "{problem} (Hashed with SHA-256 and encoded with Base64) Authorization={digest}"
        ))
    };
    let (algorithm, rest) = header.trim().split_once([' ', '\t']).unwrap_or((header.trim(), ""));
    if algorithm != ALGORITHM {
        let shown: String = algorithm.chars().filter(char::is_ascii_graphic).take(32).collect();
        return Err(incomplete(&format!(
            "Authorization header requires the algorithm '{ALGORITHM}', not '{shown}'."
        )));
    }
    let part = |name: &str| {
        rest.split(',')
            .filter_map(|part| part.trim().split_once('='))
            .find_map(|(key, value)| (key == name && !value.is_empty()).then_some(value))
    };
    let date = message.header("x-amz-date").or_else(|| message.header("date"));
    let (credential, names, signature) = (part("Credential"), part("SignedHeaders"), part("Signature"));
    let (Some(credential), Some(names), Some(signature), Some(date)) = (credential, names, signature, date)
    else {
        let parts = [("Credential", credential), ("Signature", signature), ("SignedHeaders", names)];
        let missing = parts.iter().filter(|(_, found)| found.is_none());
        let mut problems: Vec<String> =
            missing.map(|(name, _)| format!("Authorization header requires '{name}' parameter.")).collect();
        if date.is_none() {
            problems.push(
                "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header."
                    .to_owned(),
            );
        }
        return Err(incomplete(&problems.join(" ")));
    };
    let token = message.header("x-amz-security-token").map(str::to_owned);
    let claims = Claims { credential, date, names, signature, place: Place::Header, token };
    claims.presented().map_err(|problem| incomplete(&problem))
}

fn from_query(message: &Message<'_>) -> Result<Presented, Rejection> {
    let wanted = |name: &str| {
        message
            .parameter(name)
            .filter(|value| !value.is_empty())
            .ok_or_else(|| Rejection::Incomplete(format!("Query string requires '{name}' parameter.")))
    };
    if wanted("X-Amz-Algorithm")? != ALGORITHM {
        return Err(Rejection::Incomplete(format!("X-Amz-Algorithm must be '{ALGORITHM}'.")));
    }
    let (credential, date) = (wanted("X-Amz-Credential")?, wanted("X-Amz-Date")?);
    let (names, signature) = (wanted("X-Amz-SignedHeaders")?, wanted("X-Amz-Signature")?);
    let expires_seconds = match message.parameter("X-Amz-Expires") {
        None => PRESIGNED_SECONDS,
        Some(text) => match text.parse::<u64>() {
            Ok(seconds) if seconds <= MAX_PRESIGNED_SECONDS => seconds,
            _ => {
                return Err(Rejection::Incomplete(format!(
                    "X-Amz-Expires must be a number of seconds, at most {MAX_PRESIGNED_SECONDS}."
                )));
            }
        },
    };
    let claims = Claims {
        credential: &credential,
        date: &date,
        names: &names,
        signature: &signature,
        place: Place::Query { expires_seconds },
        token: message.parameter("X-Amz-Security-Token"),
    };
    claims.presented().map_err(Rejection::Incomplete)
}

/// The parts of a signature, wherever they stood.
struct Claims<'a> {
    credential: &'a str,
    date: &'a str,
    names: &'a str,
    signature: &'a str,
    place: Place,
    token: Option<String>,
}

impl Claims<'_> {
    fn presented(self) -> Result<Presented, String> {
        let mut parts = self.credential.rsplitn(5, '/');
        let mut next = || parts.next();
        let (Some(terminator), Some(service), Some(region), Some(date), Some(key)) =
            (next(), next(), next(), next(), next())
        else {
            return Err("Credential must have exactly 5 slash-delimited elements, e.g. \
                        keyid/date/region/service/term."
                .to_owned());
        };
        let stamp = Stamp::parse(self.date)
            .ok_or("Date must be in ISO-8601 'basic format', e.g. 20150830T123600Z.")?;
        let names = self.names.split(';').map(str::to_ascii_lowercase).collect();
        Ok(Presented {
            access_key_id: key.to_owned(),
            region: region.to_owned(),
            service: service.to_owned(),
            session_token: self.token,
            place: self.place,
            scope_date: date.to_owned(),
            terminator: terminator.to_owned(),
            signed_headers: names,
            signature: self.signature.to_owned(),
            stamp,
        })
    }
}
