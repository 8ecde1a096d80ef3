//! GetSessionToken: temporary credentials for the caller itself. Needs no permission.
//!
//! Root's sessions last an hour at most, whatever was asked for, as on AWS.

use std::time::Duration;

use auth::SessionFacts;
use auth::key::SESSION_PREFIX;
use auth::principal::PrincipalKind;
use wire::sts as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::error::ServiceError;
use crate::room::Handler;
use crate::sts::error::Error;

const HOUR_SECONDS: i32 = 3600;

impl Handler for shapes::GetSessionToken {
    fn access(_: &OpCtx, _: &Self::Input) -> Access {
        Access::free("sts:GetSessionToken")
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        if ctx.principal.access_key_id.starts_with(SESSION_PREFIX) {
            return Err(Error::CalledBySession.into());
        }
        if input.serial_number.is_some() || input.token_code.is_some() {
            return Err(Error::NoMfaDevice.into());
        }
        let facts = SessionFacts::new(ctx.now, duration(ctx.principal.kind, input.duration_seconds));
        let expires_at = facts.expires_at;
        let mut ids = ctx.ids.clone();
        let (key, token) = ctx.cloud.identities.open_session(&ctx.principal, facts, &mut ids);
        let credentials = shapes::Credentials {
            access_key_id: key.id,
            secret_access_key: key.secret.expose().to_owned(),
            session_token: token,
            // STS answers in whole seconds.
            expiration: expires_at.as_millis() / 1000 * 1000,
        };
        Ok(Self::Output { credentials: Some(credentials), ..Self::Output::default() })
    }
}

fn duration(kind: PrincipalKind, asked: Option<i32>) -> Duration {
    let seconds = match kind {
        PrincipalKind::Root => asked.unwrap_or(HOUR_SECONDS).min(HOUR_SECONDS),
        PrincipalKind::User | PrincipalKind::AssumedRole => asked.unwrap_or(12 * HOUR_SECONDS),
    };
    Duration::from_secs(u64::try_from(seconds).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[tokio::test]
    async fn a_session_opens_and_cannot_open_another() {
        let mut ctx = testing::ctx().await;
        let asked = shapes::GetSessionTokenRequest { duration_seconds: Some(7200), ..Default::default() };
        let answer = shapes::GetSessionToken::run(&ctx, asked.clone()).await.unwrap();
        let made = answer.credentials.unwrap();
        assert_eq!(made.expiration, (ctx.now + Duration::from_secs(3600)).as_millis());
        let snapshot = ctx.cloud.store.snapshot();
        let found = ctx
            .cloud
            .identities
            .find(&snapshot, &made.access_key_id, Some(&made.session_token), ctx.now)
            .unwrap();
        assert_eq!(found.secret.expose(), made.secret_access_key);
        ctx.principal = found.principal;
        let refused = shapes::GetSessionToken::run(&ctx, asked).await.unwrap_err();
        assert_eq!((refused.code.as_str(), refused.status), ("AccessDenied", 403));
    }

    #[tokio::test]
    async fn there_is_no_mfa_device() {
        let ctx = testing::ctx().await;
        let asked =
            shapes::GetSessionTokenRequest { token_code: Some("123456".into()), ..Default::default() };
        let refused = shapes::GetSessionToken::run(&ctx, asked).await.unwrap_err();
        assert!(refused.message.starts_with("MultiFactorAuthentication failed"));
    }
}
