//! The versioned encoding of everything that is stored.
//!
//! A record's bytes are a big-endian `u16` format version followed by JSON. A new
//! field with `#[serde(default)]` needs no new version; a change of meaning raises
//! [`Record::VERSION`] and [`Record::upgrade`] reads the older forms for ever.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use thiserror::Error;

/// A value that the state store keeps.
pub trait Record: Serialize + DeserializeOwned {
    /// The format version that is written.
    const VERSION: u16 = 1;

    /// Rewrites the JSON of an older `version` into the current form.
    fn upgrade(version: u16, old: Value) -> Result<Value, RecordError> {
        let _ = old;
        Err(RecordError::UnknownVersion { found: version, newest: Self::VERSION })
    }

    /// Encodes the record in the current format.
    fn encode(&self) -> Vec<u8> {
        let mut bytes = Self::VERSION.to_be_bytes().to_vec();
        serde_json::to_writer(&mut bytes, self).expect("records hold only what JSON can express");
        bytes
    }

    /// Decodes a record written by this or an older version.
    fn decode(bytes: &[u8]) -> Result<Self, RecordError> {
        let (head, body) = bytes.split_first_chunk::<2>().ok_or(RecordError::Truncated)?;
        let version = u16::from_be_bytes(*head);
        if version == Self::VERSION {
            return serde_json::from_slice(body).map_err(RecordError::Malformed);
        }
        let old = serde_json::from_slice(body).map_err(RecordError::Malformed)?;
        serde_json::from_value(Self::upgrade(version, old)?).map_err(RecordError::Malformed)
    }
}

/// Why stored bytes could not be read.
#[derive(Debug, Error)]
pub enum RecordError {
    /// The bytes end before the version does.
    #[error("a record shorter than its version")]
    Truncated,
    /// The record was written by a newer Longshore, or by none.
    #[error("record format {found} is unknown; this version reads up to {newest}")]
    UnknownVersion {
        /// The version in the record.
        found: u16,
        /// The newest version this build reads.
        newest: u16,
    },
    /// The JSON does not fit the type.
    #[error("a record that does not fit its type")]
    Malformed(#[source] serde_json::Error),
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Serialize, Deserialize, Debug, PartialEq)]
    struct Named {
        name: String,
    }

    impl Record for Named {
        const VERSION: u16 = 2;
        fn upgrade(version: u16, mut old: Value) -> Result<Value, RecordError> {
            if version != 1 {
                return Err(RecordError::UnknownVersion { found: version, newest: 2 });
            }
            let title = old.as_object_mut().and_then(|o| o.remove("title")).unwrap_or_default();
            Ok(serde_json::json!({ "name": title }))
        }
    }

    #[test]
    fn old_formats_stay_readable() {
        let mut old = 1u16.to_be_bytes().to_vec();
        old.extend_from_slice(br#"{"title":"web"}"#);
        assert_eq!(Named::decode(&old).unwrap(), Named { name: "web".into() });
        let current = Named { name: "api".into() };
        assert_eq!(Named::decode(&current.encode()).unwrap(), current);
    }

    #[test]
    fn a_newer_format_is_refused() {
        let mut newer = 9u16.to_be_bytes().to_vec();
        newer.extend_from_slice(b"{}");
        assert!(matches!(Named::decode(&newer), Err(RecordError::UnknownVersion { found: 9, newest: 2 })));
    }
}
