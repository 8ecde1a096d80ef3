//! ResumeSession: another token for a session whose client lost its connection.

use ::wire::ssm as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::error::ServiceError;
use crate::exec::stream_url;
use crate::room::Handler;
use crate::ssm::error::Error;

impl Handler for shapes::ResumeSession {
    fn access(ctx: &OpCtx, input: &Self::Input) -> Access {
        Access::new("ssm:ResumeSession", ctx.arn("ssm", format!("session/{}", input.session_id)))
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let (sessions, unknown) = (&ctx.cloud.exec, || Error::NoSession(input.session_id.clone()));
        let is_ours = sessions.find(&input.session_id).is_some_and(|it| it.target.scope == ctx.scope);
        let granted = if is_ours { sessions.resume(&input.session_id, ctx.now, &ctx.ids).ok() } else { None };
        let granted = granted.ok_or_else(unknown)?;
        Ok(Self::Output {
            stream_url: Some(stream_url(&ctx.cloud.settings.endpoint, &granted.session_id)),
            session_id: Some(granted.session_id),
            token_value: Some(granted.token),
        })
    }
}
