//! AddListenerCertificates: certificates that clients choose from by server name.

use model::elbv2::Listener;
use store::Txn;
use wire::elbv2 as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::elbv2::error::Error;
use crate::elbv2::store::ListenerRow;
use crate::elbv2::wire::listener::certificate;
use crate::elbv2::{find, tls};
use crate::error::ServiceError;
use crate::iam::certificates::hold;
use crate::room::Handler;

impl Handler for shapes::AddListenerCertificates {
    fn access(_: &OpCtx, input: &Self::Input) -> Access {
        Access::new("elasticloadbalancing:AddListenerCertificates", &input.listener_arn)
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let snapshot = ctx.cloud.store.snapshot();
        let found = find::listener(&snapshot, &ctx.scope, &input.listener_arn)?;
        if !found.protocol.is_secure() {
            return Err(Error::validation(format!(
                "Certificates cannot be specified for {} listeners",
                found.protocol
            ))
            .into());
        }
        let arns = tls::arns(input.certificates)?;
        tls::check_certificates(&snapshot, &ctx.scope, &arns)?;
        let mut certificates = found.certificates.clone();
        for arn in &arns {
            if !certificates.contains(arn) {
                certificates.push(arn.clone());
            }
        }
        tls::check_count(&certificates)?;
        let row = ListenerRow(Listener { certificates, ..found.row.0.clone() });
        let txn = Txn::new().update(&found, &row);
        let txn = hold(&snapshot, txn, &row.arn(), &found.certificates, &row.certificates);
        ctx.cloud.store.commit(txn).await.map_err(Error::from)?;
        let added = arns.iter().map(|arn| certificate(arn, Some(false)));
        Ok(Self::Output { certificates: Some(added.collect()) })
    }
}
