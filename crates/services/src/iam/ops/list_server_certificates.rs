//! ListServerCertificates, by the beginning of their paths.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use store::{Key, Row, Versioned, key};
use wire::iam as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::error::ServiceError;
use crate::iam::error::Error;
use crate::iam::store::CertificateRow;
use crate::iam::wire::certificate::metadata;
use crate::room::Handler;

/// Certificates of an answer that asks for no number.
const USUAL: usize = 100;

impl Handler for shapes::ListServerCertificates {
    fn access(_: &OpCtx, _: &Self::Input) -> Access {
        Access::any("iam:ListServerCertificates")
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let snapshot = ctx.cloud.store.snapshot();
        let prefix = input.path_prefix.unwrap_or_else(|| "/".to_owned());
        let limit = input.max_items.and_then(|most| usize::try_from(most).ok()).unwrap_or(USUAL).max(1);
        let after = input.marker.as_deref().map(read_marker).transpose()?;
        let all: Vec<Versioned<CertificateRow>> = snapshot.all(&key![ctx.scope.account]).collect();
        let shown = all.iter().filter(|it| it.path.as_str().starts_with(&prefix));
        let mut rest = shown.filter(|it| after.as_ref().is_none_or(|after| it.key() > *after)).peekable();
        let page: Vec<_> = rest.by_ref().take(limit).collect();
        let more = rest.peek().is_some();
        let last = page.last().filter(|_| more).map(|it| URL_SAFE_NO_PAD.encode(it.key().as_bytes()));
        Ok(Self::Output {
            server_certificate_metadata_list: page.iter().map(|it| metadata(it)).collect(),
            is_truncated: Some(more),
            marker: last,
        })
    }
}

fn read_marker(marker: &str) -> Result<Key, Error> {
    let bytes = URL_SAFE_NO_PAD.decode(marker);
    bytes.map(|bytes| Key::from_bytes(&bytes)).map_err(|_| Error::Validation("Invalid Marker.".to_owned()))
}
