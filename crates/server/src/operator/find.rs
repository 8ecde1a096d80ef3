//! Finds tasks: all of them, or the one that an operator means.

use anyhow::{Result, bail};
use serde_json::{Value, json};
use wire::ecs::SERVICE as ECS;

use super::api::Api;

/// What DescribeTasks takes at once.
const DESCRIBE: usize = 100;

/// The tasks of one cluster, or of all, described.
pub(super) async fn tasks(api: &Api, cluster: Option<&str>, stopped: bool) -> Result<Vec<Value>> {
    let clusters = match cluster {
        Some(cluster) => vec![Value::from(cluster)],
        None => api.list(ECS, "ListClusters", json!({}), "clusterArns").await?,
    };
    let mut found = Vec::new();
    for cluster in clusters {
        let statuses: &[&str] = if stopped { &["RUNNING", "STOPPED"] } else { &["RUNNING"] };
        let mut arns = Vec::new();
        for status in statuses {
            let input = json!({ "cluster": cluster, "desiredStatus": status });
            arns.extend(api.list(ECS, "ListTasks", input, "taskArns").await?);
        }
        for some in arns.chunks(DESCRIBE) {
            let input = json!({ "cluster": cluster, "tasks": some });
            let answer = api.call(ECS, "DescribeTasks", input).await?;
            found.extend(answer["tasks"].as_array().cloned().unwrap_or_default());
        }
    }
    Ok(found)
}

/// The one task that `named` means.
pub(super) async fn task(api: &Api, named: &str, stopped: bool) -> Result<Value> {
    let fits = |task: &Value| {
        let arn = task["taskArn"].as_str().unwrap_or_default();
        arn == named || (!named.is_empty() && id_of(arn).starts_with(named))
    };
    let mut found: Vec<_> = tasks(api, None, stopped).await?.into_iter().filter(fits).collect();
    match (found.pop(), found.len()) {
        (Some(task), 0) => Ok(task),
        (Some(_), more) => bail!("{} tasks begin with {named}: write more of the id", more + 1),
        (None, _) => bail!("there is no task {named}: 'longshore ps' shows those that there are"),
    }
}

/// The last part of an ARN.
pub(super) fn id_of(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}
