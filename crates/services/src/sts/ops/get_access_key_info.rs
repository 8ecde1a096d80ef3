//! GetAccessKeyInfo: the account is in the key's id, as in AWS's.

use wire::sts as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::error::ServiceError;
use crate::room::Handler;
use crate::sts::error::Error;

impl Handler for shapes::GetAccessKeyInfo {
    fn access(_: &OpCtx, _: &Self::Input) -> Access {
        Access::any("sts:GetAccessKeyInfo")
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let account = ctx.cloud.identities.account_of(&input.access_key_id).ok_or(Error::MalformedKeyId)?;
        Ok(Self::Output { account: Some(account.to_string()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[tokio::test]
    async fn a_key_id_tells_its_account() {
        let ctx = testing::ctx().await;
        let ask = async |id: &str| {
            let input = shapes::GetAccessKeyInfoRequest { access_key_id: id.into() };
            shapes::GetAccessKeyInfo::run(&ctx, input).await
        };
        let known = ask("ASIAQNZGKIQY56JQ7WML").await.unwrap();
        assert_eq!(known.account.as_deref(), Some("029608264753"));
        let own = ask(&ctx.principal.access_key_id).await.unwrap();
        assert_eq!(own.account.as_deref(), Some("123456789012"));
        assert_eq!(ask("AKIA0000000000000000").await.unwrap_err().code, "ValidationError");
    }
}
