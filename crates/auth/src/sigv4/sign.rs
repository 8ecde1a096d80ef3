//! The signature itself, and the client's side of it.

use hmac::{Hmac, KeyInit, Mac};
use model::Timestamp;
use sha2::Sha256;

use super::canonical::{Message, canonical_request, hash};
use super::stamp;
use super::{ALGORITHM, TERMINATOR};
use crate::key::{AccessKey, Secret};

/// Who signs, and for what.
#[derive(Clone, Debug)]
pub struct Signer {
    /// The key.
    pub key: AccessKey,
    /// The region of the credential scope.
    pub region: String,
    /// The service of the credential scope.
    pub service: String,
}

/// The `Authorization` header for `message`, all of whose headers are signed.
/// `host` and `x-amz-date` (of `now`) must be among them.
pub fn sign(signer: &Signer, message: &Message<'_>, body: &[u8], now: Timestamp) -> String {
    let stamp = stamp::format(now);
    let date = &stamp[..8];
    let mut names: Vec<String> = message.headers.iter().map(|(name, _)| (*name).to_owned()).collect();
    names.sort_unstable();
    names.dedup();
    let scope = format!("{date}/{}/{}/{TERMINATOR}", signer.region, signer.service);
    let text = string_to_sign(&stamp, &scope, &canonical_request(message, &names, &hash(body)));
    let signature = signature(&signer.key.secret, date, &signer.region, &signer.service, &text);
    format!(
        "{ALGORITHM} Credential={}/{scope}, SignedHeaders={}, Signature={signature}",
        signer.key.id,
        names.join(";")
    )
}

pub(super) fn string_to_sign(stamp: &str, scope: &str, canonical_request: &str) -> String {
    format!("{ALGORITHM}\n{stamp}\n{scope}\n{}", hash(canonical_request.as_bytes()))
}

pub(super) fn signature(secret: &Secret, date: &str, region: &str, service: &str, text: &str) -> String {
    let first = format!("AWS4{}", secret.expose());
    let steps = [date, region, service, TERMINATOR];
    let key = steps.iter().fold(first.into_bytes(), |key, step| hmac(&key, step));
    hex::encode(hmac(&key, text))
}

fn hmac(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(key).expect("HMAC takes any key");
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}
