//! One file an operation.

mod delete_server_certificate;
mod get_server_certificate;
mod list_server_certificates;
mod upload_server_certificate;

use model::Arn;

use crate::context::OpCtx;

/// The ARN of a certificate of the caller's account, for policies; its path is not known before it is found.
fn certificate_arn(ctx: &OpCtx, name: &str) -> Arn {
    Arn {
        service: "iam".to_owned(),
        region: String::new(),
        account: ctx.scope.account.to_string(),
        resource: format!("server-certificate/{name}"),
    }
}
