//! Tags of this room's resources: read from requests, and written to whatever resource has an id.

use std::collections::{BTreeMap, BTreeSet};

use model::{Arn, Scope};
use store::{Snapshot, Txn};
use wire::ec2 as shapes;

use super::error::Error;
use super::store::{self as tables, SecurityGroupRow, SubnetRow, VpcRow};

/// The most tags of a resource.
const LIMIT: usize = 50;

/// Tags by key.
pub type Tags = BTreeMap<String, String>;

/// The tags that a request gives to the one kind of resource that it makes.
///
/// # Errors
/// `InvalidParameterValue` for tags of another kind or for a key or value that EC2 does not take.
pub fn specified(given: Option<&[shapes::TagSpecification]>, kind: &'static str) -> Result<Tags, Error> {
    let mut tags = Tags::new();
    for specification in given.unwrap_or_default() {
        let named = specification.resource_type.as_deref().unwrap_or_default();
        if named != kind {
            return Err(Error::Parameter(format!(
                "'{named}' is not a valid taggable resource type for this operation."
            )));
        }
        tags.extend(read(specification.tags.as_deref().unwrap_or_default())?);
    }
    limited(tags)
}

/// Reads a list of tags; a tag without a value has an empty one.
///
/// # Errors
/// `InvalidParameterValue` for a key or value that EC2 does not take.
pub fn read(given: &[shapes::Tag]) -> Result<Tags, Error> {
    let mut tags = Tags::new();
    for tag in given {
        let (key, value) = (tag.key.clone().unwrap_or_default(), tag.value.clone().unwrap_or_default());
        if key.is_empty() || key.chars().count() > 127 {
            return Err(Error::Parameter("Tag keys must be from 1 to 127 characters long.".into()));
        }
        if value.chars().count() > 255 {
            return Err(Error::Parameter("Tag values must be at most 255 characters long.".into()));
        }
        if key.starts_with("aws:") {
            return Err(Error::Parameter(
                "Tag keys starting with 'aws:' are reserved for internal use".into(),
            ));
        }
        tags.insert(key, value);
    }
    Ok(tags)
}

/// The tags of a resource by its ARN.
pub(crate) fn of_arn(snapshot: &Snapshot, scope: &Scope, arn: &Arn) -> Option<Tags> {
    let (kind, id) = arn.is_in("ec2", scope).then(|| arn.typed_resource())??;
    match kind {
        "vpc" => tables::find::<VpcRow>(snapshot, scope, id).map(|it| it.tags.clone()),
        "subnet" => tables::find::<SubnetRow>(snapshot, scope, id).map(|it| it.tags.clone()),
        "security-group" => tables::find::<SecurityGroupRow>(snapshot, scope, id).map(|it| it.tags.clone()),
        _other => None,
    }
}

/// Passes tags on unless they are too many.
///
/// # Errors
/// `TagLimitExceeded`.
pub fn limited(tags: Tags) -> Result<Tags, Error> {
    if tags.len() > LIMIT { Err(Error::TooManyTags) } else { Ok(tags) }
}

/// Changes the tags of the resources called `ids`.
///
/// # Errors
/// A resource's own `NotFound`, `InvalidID` when it is of no kind that has tags here, or what `change` says.
pub fn change(
    snapshot: &Snapshot,
    scope: &Scope,
    ids: &BTreeSet<&str>,
    change: impl Fn(Tags) -> Result<Tags, Error>,
) -> Result<Txn, Error> {
    let mut txn = Txn::new();
    // A group and several of its rules are one record.
    let mut groups: Vec<_> = tables::all::<SecurityGroupRow>(snapshot, scope)
        .into_iter()
        .map(|row| (row.row.0.clone(), row))
        .collect();
    for id in ids {
        match id.split('-').next() {
            Some("vpc") => {
                let row = tables::find::<VpcRow>(snapshot, scope, id);
                let row = row.ok_or_else(|| Error::VpcNotFound((*id).into()))?;
                let mut new = row.row.0.clone();
                new.tags = change(new.tags)?;
                txn = txn.update(&row, &VpcRow(new));
            }
            Some("subnet") => {
                let row = tables::find::<SubnetRow>(snapshot, scope, id);
                let row = row.ok_or_else(|| Error::SubnetNotFound((*id).into()))?;
                let mut new = row.row.0.clone();
                new.tags = change(new.tags)?;
                txn = txn.update(&row, &SubnetRow(new));
            }
            Some("sg") => {
                let group = groups.iter_mut().find(|(group, _)| group.id == *id);
                let (group, _) = group.ok_or_else(|| Error::GroupNotFound((*id).into()))?;
                group.tags = change(std::mem::take(&mut group.tags))?;
            }
            Some("sgr") => {
                let mut rules = groups.iter_mut().flat_map(|(group, _)| &mut group.rules);
                let rule = rules.find(|rule| rule.id == *id);
                let rule = rule.ok_or_else(|| Error::RuleIdNotFound((*id).into()))?;
                rule.tags = change(std::mem::take(&mut rule.tags))?;
            }
            Some(_) | None => return Err(Error::InvalidId((*id).into())),
        }
    }
    let changed = groups.into_iter().filter(|(new, old)| *new != old.row.0);
    Ok(changed.fold(txn, |txn, (new, old)| txn.update(&old, &SecurityGroupRow(new))))
}
