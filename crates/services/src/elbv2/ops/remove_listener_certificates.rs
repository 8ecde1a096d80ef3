//! RemoveListenerCertificates. The default certificate stays: ModifyListener changes it.

use model::elbv2::Listener;
use store::Txn;
use wire::elbv2 as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::elbv2::error::{Code, Error};
use crate::elbv2::store::ListenerRow;
use crate::elbv2::{find, tls};
use crate::error::ServiceError;
use crate::iam::certificates::hold;
use crate::room::Handler;

impl Handler for shapes::RemoveListenerCertificates {
    fn access(_: &OpCtx, input: &Self::Input) -> Access {
        Access::new("elasticloadbalancing:RemoveListenerCertificates", &input.listener_arn)
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let snapshot = ctx.cloud.store.snapshot();
        let found = find::listener(&snapshot, &ctx.scope, &input.listener_arn)?;
        let arns = tls::arns(input.certificates)?;
        if let Some(default) = found.certificates.first().filter(|arn| arns.contains(arn)) {
            let message = format!("Default certificate '{default}' cannot be removed");
            return Err(Error::client(Code::OperationNotPermitted, message).into());
        }
        let certificates = found.certificates.iter().filter(|arn| !arns.contains(arn)).cloned().collect();
        let row = ListenerRow(Listener { certificates, ..found.row.0.clone() });
        let txn = Txn::new().update(&found, &row);
        let txn = hold(&snapshot, txn, &row.arn(), &found.certificates, &row.certificates);
        ctx.cloud.store.commit(txn).await.map_err(Error::from)?;
        Ok(Self::Output {})
    }
}
