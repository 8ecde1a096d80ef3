//! CreatePolicy: a policy that can be attached to several entities.

use model::iam::{ManagedPolicy, PolicyVersion};
use std::sync::Arc;
use store::{Seq, Txn, Versioned};
use wire::iam as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::error::ServiceError;
use crate::iam::error::Error;
use crate::iam::holder::identity;
use crate::iam::holder::new_arn;
use crate::iam::managed::Managed;
use crate::iam::store::PolicyRow;
use crate::iam::versions;
use crate::iam::wire as render;
use crate::room::Handler;

impl Handler for shapes::CreatePolicy {
    fn access(ctx: &OpCtx, input: &Self::Input) -> Access {
        Access::new("iam:CreatePolicy", new_arn::<PolicyRow>(ctx, input.path.as_deref(), &input.policy_name))
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let snapshot = ctx.cloud.store.snapshot();
        versions::check(&input.policy_document)?;
        let version = PolicyVersion { document: input.policy_document, created_at: ctx.now };
        let policy = PolicyRow(ManagedPolicy {
            identity: identity::<PolicyRow>(ctx, &snapshot, input.policy_name, input.path)?,
            description: input.description,
            versions: [(1, version)].into(),
            default_version: 1,
            next_version: 2,
            updated_at: ctx.now,
            tags: render::tags(input.tags)?,
        });
        ctx.cloud.store.commit(Txn::new().insert(&policy)).await.map_err(Error::from)?;
        let made = Managed::Own(Versioned { row: Arc::new(policy), seq: Seq(0) });
        Ok(Self::Output { policy: Some(render::policy(&snapshot, &ctx.scope.account, &made, true)) })
    }
}
