//! Shapes of repository creation templates to and from the registry's noun.

use std::collections::BTreeSet;

use registry::tables::{Encryption, Occasion, Template};
use wire::ecr as shapes;

use super::error::Error;
use super::wire as parse;

/// How contents are encrypted.
pub(super) fn encryption(
    given: Option<shapes::EncryptionConfigurationForRepositoryCreationTemplate>,
) -> Result<Encryption, Error> {
    match given {
        None => Ok(Encryption::default()),
        Some(given)
            if given.encryption_type == "AES256" && given.kms_key.as_deref().is_none_or(str::is_empty) =>
        {
            Ok(Encryption::default())
        }
        Some(_) => Err(Error::parameter(
            "encryptionConfiguration",
            "only AES256 without a key is supported, as there is no AWS KMS",
        )),
    }
}

/// When a template is used; the model's enum was checked with the input.
pub(super) fn occasions(given: &[String]) -> Result<BTreeSet<Occasion>, Error> {
    let parse = |name: &String| {
        Occasion::named(name).ok_or_else(|| Error::parameter("appliedFor", format!("unknown value {name}")))
    };
    given.iter().map(parse).collect()
}

/// Refuses policies that are none.
pub(super) fn policies(repository: Option<&String>, lifecycle: Option<&String>) -> Result<(), Error> {
    if let Some(text) = repository.filter(|text| !text.is_empty()) {
        parse::policy("repositoryPolicy", text)?;
    }
    if let Some(text) = lifecycle.filter(|text| !text.is_empty()) {
        parse::lifecycle(text)?;
    }
    Ok(())
}

/// A text, or nothing where it is empty: that is how a template's policy is removed.
pub(super) fn text(given: Option<String>) -> Option<String> {
    given.filter(|text| !text.is_empty())
}

/// A template as ECR shows it.
pub(super) fn shape(template: &Template) -> shapes::RepositoryCreationTemplate {
    shapes::RepositoryCreationTemplate {
        prefix: Some(template.prefix.clone()),
        description: template.description.clone(),
        encryption_configuration: Some(shapes::EncryptionConfigurationForRepositoryCreationTemplate {
            encryption_type: template.encryption.kind.clone(),
            kms_key: template.encryption.kms_key.clone(),
        }),
        resource_tags: Some(parse::tag_list(&template.tags)),
        image_tag_mutability: Some(template.mutability.mode.as_str().to_owned()),
        image_tag_mutability_exclusion_filters: parse::exclusions(&template.mutability),
        repository_policy: template.policy.clone(),
        lifecycle_policy: template.lifecycle.clone(),
        applied_for: Some(template.occasions.iter().map(|occasion| occasion.as_str().to_owned()).collect()),
        custom_role_arn: template.role.clone(),
        created_at: Some(template.created_at.as_millis()),
        updated_at: Some(template.updated_at.as_millis()),
    }
}
