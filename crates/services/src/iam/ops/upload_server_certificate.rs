//! UploadServerCertificate: the private key is sealed under the master key before it is stored.

use model::IdSource;
use model::iam::ServerCertificate;
use store::{Txn, key};
use wire::iam as shapes;

use super::certificate_arn;
use crate::access::Access;
use crate::context::OpCtx;
use crate::error::ServiceError;
use crate::iam::certificates;
use crate::iam::error::Error;
use crate::iam::store::{CertificateRow, certificate};
use crate::iam::wire::certificate::{metadata, name, path, read_pair};
use crate::iam::wire::{tags, write_tags};
use crate::room::Handler;

/// IAM's quota.
const MOST: usize = 20;

impl Handler for shapes::UploadServerCertificate {
    fn access(ctx: &OpCtx, input: &Self::Input) -> Access {
        Access::new("iam:UploadServerCertificate", certificate_arn(ctx, &input.server_certificate_name))
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let snapshot = ctx.cloud.store.snapshot();
        let account = &ctx.scope.account;
        let name = name(&input.server_certificate_name)?;
        if certificate(&snapshot, account, name.as_str()).is_some() {
            return Err(Error::AlreadyExists(name.to_string()).into());
        }
        if snapshot.count::<CertificateRow>(&key![account]) >= MOST {
            return Err(Error::LimitExceeded { quota: "ServerCertificatesPerAccount", limit: MOST }.into());
        }
        let facts =
            read_pair(&input.certificate_body, input.certificate_chain.as_deref(), &input.private_key)?;
        let mut ids = ctx.ids.clone();
        let mut made = ServerCertificate {
            account: account.clone(),
            name,
            path: path(input.path)?,
            id: format!("ASCA{}", ids.base32(17)),
            body: input.certificate_body,
            chain: input.certificate_chain,
            sealed_key: String::new(),
            names: facts.names,
            uploaded_at: ctx.now,
            expires_at: facts.expires_at,
            tags: tags(input.tags)?,
        };
        made.sealed_key = certificates::seal(&ctx.cloud, &input.private_key, &made.arn(), &mut ids);
        let row = CertificateRow(made);
        ctx.cloud.store.commit(Txn::new().insert(&row)).await.map_err(Error::from)?;
        Ok(Self::Output {
            server_certificate_metadata: Some(metadata(&row)),
            tags: (!row.tags.is_empty()).then(|| write_tags(&row.tags)),
        })
    }
}
