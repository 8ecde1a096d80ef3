//! What PutAttributes and DeleteAttributes share: a change of the attributes of the container instances that
//! a request names.

use std::collections::BTreeMap;

use model::Scope;
use model::ecs::{ClusterName, ContainerInstance};
use store::{Snapshot, Txn, Versioned};
use wire::ecs as shape;

use crate::context::OpCtx;

use super::error::Error;
use super::instances;
use super::rules::identifier;
use super::store::{ContainerInstanceRow, active_cluster};

/// The most attributes of a request, and of a container instance beside its own.
const MAX_ATTRIBUTES: usize = 10;
/// The longest name, and the longest value.
const MAX_LENGTH: usize = 128;
/// Names that belong to ECS.
const RESERVED: [&str; 2] = ["ecs.", "com.amazonaws."];

/// Makes `change` for each attribute that a request names, on all container instances at once. Returns the
/// attributes as they are answered.
///
/// # Errors
/// `InvalidParameterException` for attributes that cannot be read, `TargetNotFoundException` for an unknown
/// container instance, `AttributeLimitExceededException` when one would have more than 10.
pub(crate) async fn edit(
    ctx: &OpCtx,
    cluster: Option<&str>,
    attributes: Vec<shape::Attribute>,
    change: impl Fn(&mut BTreeMap<String, Option<String>>, &str, Option<&str>),
) -> Result<Vec<shape::Attribute>, Error> {
    let name = identifier::cluster(cluster, &ctx.scope)?;
    let snapshot = ctx.cloud.store.snapshot();
    active_cluster(&snapshot, &ctx.scope, &name)?;
    let targets = targets(&snapshot, &ctx.scope, &name, attributes)?;
    let mut txn = Txn::new();
    for target in &targets {
        txn = txn.update(&target.row, &target.changed(&change)?);
    }
    ctx.cloud.store.commit(txn).await?;
    Ok(targets.iter().flat_map(Target::render).collect())
}

/// A container instance and what the request says about its attributes.
struct Target {
    row: Versioned<ContainerInstanceRow>,
    named: Vec<(String, Option<String>)>,
}

/// Reads the attributes of a request, sorted by container instance.
fn targets(
    snapshot: &Snapshot,
    scope: &Scope,
    cluster: &ClusterName,
    attributes: Vec<shape::Attribute>,
) -> Result<Vec<Target>, Error> {
    if attributes.is_empty() || attributes.len() > MAX_ATTRIBUTES {
        let text = if attributes.is_empty() { "empty" } else { "more than 10" };
        return Err(Error::InvalidParameter(format!("Attributes cannot be {text}.")));
    }
    let mut targets: Vec<Target> = Vec::new();
    for attribute in attributes {
        check(&attribute)?;
        let raw = attribute.target_id.as_deref().filter(|raw| !raw.is_empty());
        let raw = raw.ok_or_else(|| Error::InvalidParameter("targetId cannot be empty.".into()))?;
        if !raw.starts_with("arn:") && attribute.target_type.is_none() {
            return Err(Error::InvalidParameter(
                "targetType cannot be empty when targetId is no ARN.".into(),
            ));
        }
        let id = identifier::container_instance(raw, scope, cluster)?;
        let found = id.and_then(|id| instances::find(snapshot, scope, cluster, &id));
        let row = found.map(|found| found.row).ok_or(Error::TargetNotFound)?;
        let named = (attribute.name, attribute.value);
        match targets.iter_mut().find(|target| target.row.id == row.id) {
            Some(known) => known.named.push(named),
            None => targets.push(Target { row, named: vec![named] }),
        }
    }
    Ok(targets)
}

impl Target {
    /// The record after `change` has been made for each named attribute.
    fn changed(
        &self,
        change: &impl Fn(&mut BTreeMap<String, Option<String>>, &str, Option<&str>),
    ) -> Result<ContainerInstanceRow, Error> {
        let mut next = ContainerInstance::clone(&self.row);
        for (name, value) in &self.named {
            change(&mut next.attributes, name, value.as_deref());
        }
        if next.attributes.len() > MAX_ATTRIBUTES {
            return Err(Error::AttributeLimitExceeded);
        }
        next.version += u64::from(next.attributes != self.row.attributes);
        Ok(ContainerInstanceRow(next))
    }

    /// The attributes as they are answered.
    fn render(&self) -> Vec<shape::Attribute> {
        let target_id = self.row.arn().to_string();
        let attribute = |(name, value): &(String, Option<String>)| shape::Attribute {
            name: name.clone(),
            value: value.clone(),
            target_type: Some("container-instance".into()),
            target_id: Some(target_id.clone()),
        };
        self.named.iter().map(attribute).collect()
    }
}

fn check(attribute: &shape::Attribute) -> Result<(), Error> {
    let invalid = |text: String| Err(Error::InvalidParameter(text));
    let name = attribute.name.as_str();
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_./\\".contains(&b);
    if name.is_empty() || name.len() > MAX_LENGTH || !name.bytes().all(plain) {
        return invalid(format!("Invalid attribute name '{name}'."));
    }
    if RESERVED.iter().any(|prefix| name.starts_with(prefix)) {
        return invalid(format!("Attribute name '{name}' is reserved."));
    }
    let value = attribute.value.as_deref().unwrap_or_default();
    let plain = |b: u8| plain(b) || b"@: ".contains(&b);
    if value.len() > MAX_LENGTH || !value.bytes().all(plain) || value.trim() != value {
        return invalid(format!("Invalid attribute value '{value}'."));
    }
    Ok(())
}
