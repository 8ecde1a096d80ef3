//! GetAuthorizationToken: the password of user `AWS` for `docker login`, good for twelve hours.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use registry::Caller;
use registry::token::LIFETIME;
use wire::ecr as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::GetAuthorizationToken {
    fn access(_: &OpCtx, _: &Self::Input) -> Access {
        Access::any("ecr:GetAuthorizationToken")
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        // Every registry that may be asked for is this one: the answer has one entry for each.
        let count = input.registry_ids.map_or(1, |ids| ids.len());
        let identity = Some(ctx.principal.clone());
        let caller = Caller { scope: ctx.scope.clone(), principal: ctx.principal.arn.clone(), identity };
        // A token outlives no session.
        let end = ctx.principal.session.as_ref().map(|session| session.expires_at);
        let expires_at = end.map_or(ctx.now + LIFETIME, |end| end.min(ctx.now + LIFETIME));
        let token = ctx.cloud.registry.mint_token(&caller, expires_at);
        let entry = shapes::AuthorizationData {
            authorization_token: Some(STANDARD.encode(format!("AWS:{token}"))),
            expires_at: Some(expires_at.as_millis()),
            proxy_endpoint: Some(ctx.cloud.settings.endpoint.clone()),
        };
        Ok(Self::Output { authorization_data: Some(vec![entry; count]) })
    }
}
