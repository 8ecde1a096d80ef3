//! PutResourcePolicy: which AWS services may write here.
//!
//! Such a policy concerns service principals alone, on AWS too; none of them writes to Longshore, so it is
//! checked for its form, kept and answered.

use ::store::{Snapshot, Txn, Versioned, key};
use ::wire::logs::{
    PutResourcePolicy, PutResourcePolicyRequest, PutResourcePolicyResponse, ResourcePolicy as Shape,
};
use auth::policy::Document;
use model::logs::ResourcePolicy;

use crate::access::Access;
use crate::context::OpCtx;
use crate::error::ServiceError;
use crate::logs::error::Error;
use crate::logs::store::{self, ResourcePolicyRow};
use crate::logs::{filters, policies};
use crate::room::Handler;

/// Policies of an account that name no resource.
const POLICIES_MAX: usize = 10;

impl Handler for PutResourcePolicy {
    fn access(_: &OpCtx, _: &PutResourcePolicyRequest) -> Access {
        Access::any("logs:PutResourcePolicy")
    }

    async fn run(
        ctx: &OpCtx,
        input: PutResourcePolicyRequest,
    ) -> Result<PutResourcePolicyResponse, ServiceError> {
        let name = policies::name(input.policy_name)?;
        let document =
            input.policy_document.ok_or_else(|| Error::parameter("policyDocument must be specified."))?;
        Document::parse(&document)
            .map_err(|malformed| Error::parameter(format!("Policy document is invalid: {malformed}")))?;
        let snapshot = ctx.cloud.store.snapshot();
        let group = policies::group(ctx, &snapshot, input.resource_arn.as_deref())?;
        let replaced = snapshot.get::<ResourcePolicyRow>(&store::policy_key(
            &ctx.scope,
            group.as_ref().map(|g| &g.name),
            &name,
        ));
        if group.is_some() {
            policies::check_revision(replaced.as_ref(), input.expected_revision_id.as_deref())?;
        } else if replaced.is_none() && count(ctx, &snapshot) >= POLICIES_MAX {
            return Err(filters::limit().into());
        }
        let policy = ResourcePolicyRow(ResourcePolicy {
            scope: ctx.scope.clone(),
            group: group.as_ref().map(|group| group.name.clone()),
            name,
            document,
            updated_at: ctx.now,
            revision: ctx.ids.uuid(),
        });
        let txn = group.iter().fold(Txn::new(), |txn, group| txn.expect(group));
        ctx.cloud.store.commit(put(txn, replaced, &policy)).await.map_err(Error::Store)?;
        let shown: Shape = policies::shown(&policy);
        Ok(PutResourcePolicyResponse { revision_id: shown.revision_id.clone(), resource_policy: Some(shown) })
    }
}

fn put(txn: Txn, replaced: Option<Versioned<ResourcePolicyRow>>, policy: &ResourcePolicyRow) -> Txn {
    match replaced {
        Some(replaced) => txn.update(&replaced, policy),
        None => txn.insert(policy),
    }
}

fn count(ctx: &OpCtx, snapshot: &Snapshot) -> usize {
    snapshot.all::<ResourcePolicyRow>(&key![ctx.scope, "account"]).count()
}
