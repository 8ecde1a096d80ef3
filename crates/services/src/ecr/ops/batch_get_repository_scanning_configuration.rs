//! BatchGetRepositoryScanningConfiguration: when the images of repositories are scanned.

use wire::ecr as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::ecr::scanning;
use crate::ecr::wire as parse;
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::BatchGetRepositoryScanningConfiguration {
    fn access(ctx: &OpCtx, input: &Self::Input) -> Access {
        let resources =
            input.repository_names.iter().map(|name| ctx.arn("ecr", format!("repository/{name}")));
        Access::each("ecr:BatchGetRepositoryScanningConfiguration", resources)
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let registry = &ctx.cloud.registry;
        let settings = registry.settings(&ctx.scope);
        let (mut found, mut failures) = (Vec::new(), Vec::new());
        for name in &input.repository_names {
            let parsed = parse::repository_name(ctx, None, name)?;
            match registry.repository(&ctx.scope, &parsed) {
                Ok(repository) => {
                    let filters = settings.scan_filters(&parsed);
                    found.push(shapes::RepositoryScanningConfiguration {
                        repository_arn: Some(repository.arn().to_string()),
                        repository_name: Some(name.clone()),
                        scan_on_push: Some(repository.scan_on_push || !filters.is_empty()),
                        scan_frequency: Some(scanning::frequency(settings.scan_frequency(&repository))),
                        applied_scan_filters: Some(filters.into_iter().map(scanning::filter).collect()),
                    });
                }
                Err(error) => failures.push(shapes::RepositoryScanningConfigurationFailure {
                    repository_name: Some(name.clone()),
                    failure_code: Some("REPOSITORY_NOT_FOUND".to_owned()),
                    failure_reason: Some(error.to_string()),
                }),
            }
        }
        Ok(Self::Output { scanning_configurations: Some(found), failures: Some(failures) })
    }
}
