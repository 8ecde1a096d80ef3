//! RegisterTaskDefinition: checks a task definition and stores it as the family's next revision.
//!
//! Deviation: what no node can do is refused with a ClientException that says so (devices,
//! inference accelerators, FSx and S3 Files volumes, Windows, fault injection).

use model::ecs::name::TaskDefinitionId;
use model::ecs::task_definition::{FamilyCounter, TaskDefinition, TaskDefinitionSpec, TaskDefinitionStatus};
use model::ecs::{Family, Tags};
use store::{Txn, key};
use wire::ecs::{RegisterTaskDefinition, RegisterTaskDefinitionRequest, RegisterTaskDefinitionResponse};

use crate::access::Access;
use crate::context::OpCtx;
use crate::ecs::authorization::passing_roles;
use crate::ecs::error::Error;
use crate::ecs::rules::{attributes, defaults, tag, task_definition as rules};
use crate::ecs::store::{FamilyRow, TaskDefinitionRow};
use crate::ecs::wire::cluster::write_tags;
use crate::ecs::wire::task_definition::{read_spec, write_task_definition};
use crate::error::ServiceError;
use crate::room::Handler;

/// The most bytes of a task definition.
const MAX_BYTES: usize = 65_536;

impl Handler for RegisterTaskDefinition {
    fn access(ctx: &OpCtx, input: &RegisterTaskDefinitionRequest) -> Access {
        let resource = ctx.arn("ecs", format!("task-definition/{}:*", input.family));
        let mut access = Access::new("ecs:RegisterTaskDefinition", resource);
        for compatibility in input.requires_compatibilities.iter().flatten() {
            access = access.with("ecs:compute-compatibility", compatibility);
        }
        if let Some(cpu) = &input.cpu {
            access = access.with("ecs:task-cpu", cpu);
        }
        if let Some(memory) = &input.memory {
            access = access.with("ecs:task-memory", memory);
        }
        let privileged = input.container_definitions.iter().any(|c| c.privileged == Some(true));
        let roles = [&input.task_role_arn, &input.execution_role_arn];
        let roles = roles.into_iter().flatten().filter(|role| !role.is_empty());
        passing_roles(ctx, access.with("ecs:privileged", privileged), roles)
    }

    async fn run(
        ctx: &OpCtx,
        input: RegisterTaskDefinitionRequest,
    ) -> Result<RegisterTaskDefinitionResponse, ServiceError> {
        let (family, tags, spec) = read(input)?;
        let counter = ctx.cloud.store.get::<FamilyRow>(&key![ctx.scope, family.as_str()]);
        let revision = counter.as_ref().map_or(0, |counter| counter.last_revision) + 1;
        let definition = TaskDefinition {
            scope: ctx.scope.clone(),
            id: TaskDefinitionId { family: family.clone(), revision },
            status: TaskDefinitionStatus::Active,
            compatibilities: attributes::compatibilities(&spec),
            requires_attributes: attributes::required(&spec),
            spec,
            tags,
            registered_at: ctx.now,
            registered_by: ctx.principal.arn.to_string(),
            deregistered_at: None,
            delete_requested_at: None,
        };
        let row = TaskDefinitionRow(definition);
        let next = FamilyRow(FamilyCounter { scope: ctx.scope.clone(), family, last_revision: revision });
        let txn = match &counter {
            Some(counter) => Txn::new().update(counter, &next),
            None => Txn::new().insert(&next),
        };
        ctx.cloud.store.commit(txn.insert(&row)).await.map_err(Error::from)?;
        Ok(RegisterTaskDefinitionResponse {
            task_definition: Some(write_task_definition(&row)),
            tags: Some(write_tags(&row.tags)),
        })
    }
}

fn read(mut input: RegisterTaskDefinitionRequest) -> Result<(Family, Tags, TaskDefinitionSpec), Error> {
    let family = rules::family(&input.family)?;
    let tags = tag::read(input.tags.take())?;
    let spec = defaults::fill(read_spec(input)?);
    rules::check(&spec)?;
    check_bytes(&spec)?;
    Ok((family, tags, spec))
}

/// Measures what was registered as JSON, without the members that are absent.
fn check_bytes(spec: &TaskDefinitionSpec) -> Result<(), Error> {
    let mut value = serde_json::to_value(spec).unwrap_or_default();
    drop_absent(&mut value);
    let bytes = value.to_string().len();
    if bytes <= MAX_BYTES {
        return Ok(());
    }
    Err(Error::Client(format!("Actual length: '{bytes}'. Max allowed length is '{MAX_BYTES}' bytes.")))
}

fn drop_absent(value: &mut serde_json::Value) {
    match value {
        serde_json::Value::Object(members) => {
            members.retain(|_, member| !member.is_null());
            members.values_mut().for_each(drop_absent);
        }
        serde_json::Value::Array(items) => items.iter_mut().for_each(drop_absent),
        _ => {}
    }
}
