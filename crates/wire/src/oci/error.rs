//! Errors of the distribution protocol: `{"errors":[{"code","message","detail"}]}`.

use serde::{Deserialize, Serialize};

/// The codes of the OCI distribution specification.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ErrorCode {
    /// The blob is not in the repository.
    BlobUnknown,
    /// The upload is broken or contradicts itself.
    BlobUploadInvalid,
    /// The upload does not exist.
    BlobUploadUnknown,
    /// The digest is malformed or is not the content's.
    DigestInvalid,
    /// A manifest names a blob or manifest that is not in the repository.
    ManifestBlobUnknown,
    /// The manifest is malformed.
    ManifestInvalid,
    /// The manifest is not in the repository.
    ManifestUnknown,
    /// The repository's name is malformed.
    NameInvalid,
    /// The repository does not exist.
    NameUnknown,
    /// The content is not of the length that was announced.
    SizeInvalid,
    /// The tag is malformed, or may not be moved.
    TagInvalid,
    /// No credentials, or wrong ones.
    Unauthorized,
    /// The credentials do not allow this.
    Denied,
    /// The operation is not supported.
    Unsupported,
    /// Too many requests.
    #[serde(rename = "TOOMANYREQUESTS")]
    TooManyRequests,
    /// The registry failed.
    Unknown,
}

/// One error.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ErrorEntry {
    /// What kind of error.
    pub code: ErrorCode,
    /// What went wrong, for people.
    pub message: String,
    /// More, for programs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<serde_json::Value>,
}

/// The body of an error answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ErrorBody {
    /// The errors; at least one.
    pub errors: Vec<ErrorEntry>,
}

impl ErrorBody {
    /// A body of one error without detail.
    pub fn of(code: ErrorCode, message: impl Into<String>) -> Self {
        ErrorBody { errors: vec![ErrorEntry { code, message: message.into(), detail: None }] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_are_the_specifications() {
        let body = serde_json::to_string(&ErrorBody::of(ErrorCode::TooManyRequests, "later")).unwrap();
        assert_eq!(body, r#"{"errors":[{"code":"TOOMANYREQUESTS","message":"later"}]}"#);
        let body = serde_json::to_string(&ErrorBody::of(ErrorCode::ManifestBlobUnknown, "x")).unwrap();
        assert!(body.contains(r#""MANIFEST_BLOB_UNKNOWN""#));
    }
}
