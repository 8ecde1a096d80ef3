//! DescribeSSLPolicies: the policies that the data plane keeps to the letter.

use store::key;
use wire::elbv2 as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::elbv2::{page, tls};
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::DescribeSSLPolicies {
    fn access(_: &OpCtx, _: &Self::Input) -> Access {
        Access::any("elasticloadbalancing:DescribeSSLPolicies")
    }

    async fn run(_: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let names = input.names.unwrap_or_default();
        let shown: Vec<&tls::Policy> = match &names[..] {
            [] => tls::POLICIES.iter().collect(),
            names => names.iter().map(|name| tls::policy(name)).collect::<Result<_, _>>()?,
        };
        let keyed = shown.into_iter().zip(0u32..).map(|(policy, at)| (key![at], policy));
        let (policies, next_marker) = page::cut_by(keyed, input.marker.as_deref(), input.page_size)?;
        let ssl_policies = policies.into_iter().map(tls::Policy::write).collect();
        Ok(Self::Output { ssl_policies: Some(ssl_policies), next_marker })
    }
}
