//! GetServerCertificate. The private key is never shown.

use wire::iam as shapes;

use super::certificate_arn;
use crate::access::Access;
use crate::context::OpCtx;
use crate::error::ServiceError;
use crate::iam::error::Error;
use crate::iam::store::certificate;
use crate::iam::wire::certificate::metadata;
use crate::iam::wire::write_tags;
use crate::room::Handler;

impl Handler for shapes::GetServerCertificate {
    fn access(ctx: &OpCtx, input: &Self::Input) -> Access {
        Access::new("iam:GetServerCertificate", certificate_arn(ctx, &input.server_certificate_name))
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let snapshot = ctx.cloud.store.snapshot();
        let found = certificate(&snapshot, &ctx.scope.account, &input.server_certificate_name)
            .ok_or(Error::NoSuchCertificate(input.server_certificate_name))?;
        Ok(Self::Output {
            server_certificate: shapes::ServerCertificate {
                server_certificate_metadata: metadata(&found),
                certificate_body: found.body.clone(),
                certificate_chain: found.chain.clone(),
                tags: (!found.tags.is_empty()).then(|| write_tags(&found.tags)),
            },
        })
    }
}
