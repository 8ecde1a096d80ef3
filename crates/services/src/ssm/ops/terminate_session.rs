//! TerminateSession: ends a session and its command; one that has ended already stays so.

use ::wire::ssm as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::TerminateSession {
    fn access(ctx: &OpCtx, input: &Self::Input) -> Access {
        Access::new("ssm:TerminateSession", ctx.arn("ssm", format!("session/{}", input.session_id)))
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let session = ctx.cloud.exec.find(&input.session_id);
        if let Some(session) = session.filter(|session| session.target.scope == ctx.scope) {
            session.end();
            // One that nobody opened has no runner which would forget it.
            if !session.is_open() {
                ctx.cloud.exec.remove(&session.id);
            }
        }
        Ok(Self::Output { session_id: Some(input.session_id) })
    }
}

#[cfg(test)]
mod tests {
    use model::ecs::NodeId;

    use super::*;
    use crate::exec::Target;
    use crate::testing;

    fn target(ctx: &OpCtx) -> Target {
        Target {
            scope: ctx.scope.clone(),
            node: NodeId::new("00000000000000000000000000000001").unwrap(),
            task_arn: "arn:aws:ecs:us-east-2:123456789012:task/web/0123".into(),
            owner: ctx.principal.arn.to_string(),
            container_name: "app".into(),
            runtime_id: "0123-1".into(),
            command: vec!["sh".into()],
            log: None,
        }
    }

    async fn shown(ctx: &OpCtx) -> Vec<shapes::Session> {
        let input = shapes::DescribeSessionsRequest {
            state: "Active".into(),
            ..shapes::DescribeSessionsRequest::default()
        };
        shapes::DescribeSessions::run(ctx, input).await.unwrap().sessions.unwrap()
    }

    #[tokio::test]
    async fn a_session_is_shown_resumed_and_ended() {
        let ctx = testing::ctx().await;
        let _commands = ctx.cloud.exec.connect_node(&target(&ctx).node);
        let granted = ctx.cloud.exec.grant(target(&ctx), ctx.now, &ctx.ids).unwrap();
        let [only] = &shown(&ctx).await[..] else { panic!("one session") };
        assert_eq!(only.target.as_deref(), Some("ecs:web_0123_0123-1"));
        assert_eq!(only.status.as_deref(), Some("Connecting"));
        let id = || granted.session_id.clone();
        let opened = ctx.cloud.exec.open(&granted.session_id, &granted.token, ctx.now).unwrap();
        let resume = shapes::ResumeSessionRequest { session_id: id() };
        let again = shapes::ResumeSession::run(&ctx, resume).await.unwrap();
        assert_ne!(again.token_value, Some(granted.token.clone()));
        let end = shapes::TerminateSessionRequest { session_id: id() };
        shapes::TerminateSession::run(&ctx, end.clone()).await.unwrap();
        assert!(*opened.watch_end().borrow());
        ctx.cloud.exec.remove(&granted.session_id);
        assert!(shown(&ctx).await.is_empty());
        shapes::TerminateSession::run(&ctx, end).await.unwrap();
        let resume = shapes::ResumeSessionRequest { session_id: id() };
        let refused = shapes::ResumeSession::run(&ctx, resume).await.unwrap_err();
        assert_eq!(refused.code, "DoesNotExistException");
    }
}
