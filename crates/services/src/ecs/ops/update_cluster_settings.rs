//! UpdateClusterSettings: whether Container Insights are on.

use wire::ecs as shape;
use wire::ecs::UpdateClusterSettings;

use crate::access::Access;
use crate::context::OpCtx;
use crate::ecs::error::Error;
use crate::ecs::ops::cluster_resource;
use crate::ecs::ops::update_cluster::change;
use crate::ecs::rules::cluster as rules;
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for UpdateClusterSettings {
    fn access(ctx: &OpCtx, input: &shape::UpdateClusterSettingsRequest) -> Access {
        Access::new("ecs:UpdateClusterSettings", cluster_resource(ctx, Some(&input.cluster)))
    }

    async fn run(
        ctx: &OpCtx,
        input: shape::UpdateClusterSettingsRequest,
    ) -> Result<shape::UpdateClusterSettingsResponse, ServiceError> {
        let insights = rules::container_insights(Some(input.settings))?
            .ok_or_else(|| Error::InvalidParameter("Settings cannot be empty.".into()))?;
        let cluster = change(ctx, &input.cluster, |cluster| cluster.container_insights = insights).await?;
        Ok(shape::UpdateClusterSettingsResponse { cluster: Some(cluster) })
    }
}
