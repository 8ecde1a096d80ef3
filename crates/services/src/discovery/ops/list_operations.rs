//! ListOperations: the last thousand of the scope.

use ::wire::servicediscovery as shapes;
use model::discovery::Operation;
use store::key;

use crate::access::Access;
use crate::context::OpCtx;
use crate::discovery::error::Error;
use crate::discovery::page::{cut, passes};
use crate::discovery::store::OperationRow;
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::ListOperations {
    fn access(_: &OpCtx, _: &Self::Input) -> Access {
        Access::any("servicediscovery:ListOperations")
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let snapshot = ctx.cloud.store.snapshot();
        let mut found = Vec::new();
        for operation in snapshot.all::<OperationRow>(&key![ctx.scope]) {
            if passes_all(&operation, input.filters.as_deref().unwrap_or_default())? {
                let status = Some("SUCCESS".to_owned());
                let summary = shapes::OperationSummary { id: Some(operation.id.clone()), status };
                found.push((operation.id.clone(), summary));
            }
        }
        let (page, next_token) = cut(found, input.next_token.as_deref(), input.max_results)?;
        Ok(Self::Output { operations: Some(page), next_token })
    }
}

fn passes_all(operation: &Operation, filters: &[shapes::OperationFilter]) -> Result<bool, Error> {
    for filter in filters {
        let target = |kind: &str| operation.targets.get(kind).map_or("", String::as_str);
        let value = match filter.name.as_str() {
            "NAMESPACE_ID" => target("NAMESPACE"),
            "SERVICE_ID" => target("SERVICE"),
            "STATUS" => "SUCCESS",
            "TYPE" => &operation.kind,
            "UPDATE_DATE" => {
                if !between(operation, &filter.values)? {
                    return Ok(false);
                }
                continue;
            }
            other => return Err(Error::Input(format!("The filter {other} is unknown."))),
        };
        if !passes(filter.condition.as_deref(), &filter.values, value)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether an operation happened between two times in seconds.
fn between(operation: &Operation, values: &[String]) -> Result<bool, Error> {
    let [from, to] = values else {
        return Err(Error::Input("The filter UPDATE_DATE needs two times.".into()));
    };
    let seconds = |text: &String| {
        text.parse::<f64>().map_err(|_| Error::Input(format!("{text} is no time in seconds.")))
    };
    let at = operation.at.as_millis() as f64 / 1000.0;
    Ok((seconds(from)?..=seconds(to)?).contains(&at))
}
