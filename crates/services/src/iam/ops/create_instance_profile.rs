//! CreateInstanceProfile: what hands a role to a machine.

use model::iam::InstanceProfile;
use store::Txn;
use wire::iam as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::error::ServiceError;
use crate::iam::error::Error;
use crate::iam::holder::identity;
use crate::iam::holder::new_arn;
use crate::iam::store::ProfileRow;
use crate::iam::wire as render;
use crate::room::Handler;

impl Handler for shapes::CreateInstanceProfile {
    fn access(ctx: &OpCtx, input: &Self::Input) -> Access {
        let name = &input.instance_profile_name;
        Access::new("iam:CreateInstanceProfile", new_arn::<ProfileRow>(ctx, input.path.as_deref(), name))
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let snapshot = ctx.cloud.store.snapshot();
        let profile = ProfileRow(InstanceProfile {
            identity: identity::<ProfileRow>(ctx, &snapshot, input.instance_profile_name, input.path)?,
            role: None,
            tags: render::tags(input.tags)?,
        });
        ctx.cloud.store.commit(Txn::new().insert(&profile)).await.map_err(Error::from)?;
        Ok(Self::Output { instance_profile: render::instance_profile(&snapshot, &profile) })
    }
}
