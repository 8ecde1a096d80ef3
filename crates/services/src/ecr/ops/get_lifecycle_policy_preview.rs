//! GetLifecyclePolicyPreview: what the previewed policy would expire or archive now.
//!
//! Deviation: the preview is evaluated when it is read, so it is always complete and current.

use model::ecr::Digest;
use registry::lifecycle::{Action, Affected};
use wire::ecr as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::ecr::error::Error;
use crate::ecr::page;
use crate::ecr::wire as parse;
use crate::ecr::wire::{ImageId, TagStatus};
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::GetLifecyclePolicyPreview {
    fn access(ctx: &OpCtx, input: &Self::Input) -> Access {
        parse::access(ctx, "ecr:GetLifecyclePolicyPreview", &input.repository_name)
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let name = parse::repository_name(ctx, input.registry_id.as_ref(), &input.repository_name)?;
        let repository = ctx.cloud.registry.repository(&ctx.scope, &name).map_err(Error::from)?;
        let text = repository.preview.clone().ok_or_else(|| Error::PreviewNotFound {
            name: name.to_string(),
            registry: ctx.scope.account.to_string(),
        })?;
        let policy = parse::lifecycle(&text)?;
        let mut affected = ctx.cloud.registry.affected(&repository, &policy, ctx.now);
        let count = |action| {
            let meant = affected.iter().filter(|image| image.action == action).count();
            i32::try_from(meant).unwrap_or(i32::MAX)
        };
        let (expiring, archived) = (count(Action::Expire), count(Action::Archive));
        if let Some(ids) = &input.image_ids {
            let wanted: Vec<ImageId> = ids.iter().filter_map(|id| ImageId::parse(id).ok()).collect();
            affected.retain(|gone| wanted.iter().any(|id| names(id, gone)));
        }
        let status = TagStatus::parse(input.filter.and_then(|filter| filter.tag_status).as_ref());
        affected.retain(|gone| status.passes(!gone.tags.is_empty()));
        affected.sort_by(|a, b| a.digest.cmp(&b.digest));
        let after: Option<Digest> = page::position(input.next_token.as_ref())?;
        affected.retain(|gone| after.as_ref().is_none_or(|after| gone.digest > *after));
        let limit = page::limit(input.max_results);
        let more = affected.len() > limit;
        affected.truncate(limit);
        Ok(Self::Output {
            registry_id: Some(ctx.scope.account.to_string()),
            repository_name: Some(name.to_string()),
            lifecycle_policy_text: Some(text),
            status: Some("COMPLETE".into()),
            next_token: affected.last().filter(|_| more).map(|last| page::token(&last.digest)),
            preview_results: Some(affected.iter().map(result).collect()),
            summary: Some(shapes::LifecyclePolicyPreviewSummary {
                expiring_image_total_count: Some(expiring),
                transitioning_image_total_counts: (archived > 0).then(|| {
                    vec![shapes::TransitioningImageTotalCount {
                        target_storage_class: Some("ARCHIVE".into()),
                        image_total_count: Some(archived),
                    }]
                }),
            }),
        })
    }
}

fn names(id: &ImageId, gone: &Affected) -> bool {
    id.digest.as_ref().is_none_or(|digest| *digest == gone.digest)
        && id.tag.as_ref().is_none_or(|tag| gone.tags.contains(tag))
}

fn result(gone: &Affected) -> shapes::LifecyclePolicyPreviewResult {
    let tags: Vec<_> = gone.tags.iter().map(ToString::to_string).collect();
    shapes::LifecyclePolicyPreviewResult {
        image_tags: (!tags.is_empty()).then_some(tags),
        image_digest: Some(gone.digest.to_string()),
        image_pushed_at: Some(gone.pushed_at.as_millis()),
        action: Some(match gone.action {
            Action::Expire => shapes::LifecyclePolicyRuleAction {
                r#type: Some("EXPIRE".into()),
                target_storage_class: None,
            },
            Action::Archive => shapes::LifecyclePolicyRuleAction {
                r#type: Some("TRANSITION".into()),
                target_storage_class: Some("ARCHIVE".into()),
            },
        }),
        applied_rule_priority: Some(gone.priority),
        storage_class: Some(parse::storage_class(gone.storage).to_owned()),
    }
}
