//! DeleteServerCertificate: of one that no listener uses.

use store::{Txn, key};
use wire::iam as shapes;

use super::certificate_arn;
use crate::access::Access;
use crate::context::OpCtx;
use crate::error::ServiceError;
use crate::iam::error::Error;
use crate::iam::store::{CertificateUseRow, certificate};
use crate::room::Handler;

impl Handler for shapes::DeleteServerCertificate {
    fn access(ctx: &OpCtx, input: &Self::Input) -> Access {
        Access::new("iam:DeleteServerCertificate", certificate_arn(ctx, &input.server_certificate_name))
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let store = &ctx.cloud.store;
        let snapshot = store.snapshot();
        let found = certificate(&snapshot, &ctx.scope.account, &input.server_certificate_name)
            .ok_or(Error::NoSuchCertificate(input.server_certificate_name))?;
        let user = snapshot.page::<CertificateUseRow>(&key![found.arn()], None, 1);
        if let Some(user) = user.first() {
            return Err(Error::InUse { id: found.id.clone(), user: user.user.clone() }.into());
        }
        store.commit(Txn::new().remove(&found)).await.map_err(Error::from)?;
        Ok(Self::Output {})
    }
}
