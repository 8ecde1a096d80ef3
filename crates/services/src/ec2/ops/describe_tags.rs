//! DescribeTags: one row a tag, over all resources that have some.

use wire::ec2 as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::ec2::describe::{page, passes};
use crate::ec2::dry_run;
use crate::ec2::store::{self as tables, SecurityGroupRow, SubnetRow, VpcRow};
use crate::ec2::tags::Tags;
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::DescribeTags {
    fn access(_: &OpCtx, _: &Self::Input) -> Access {
        Access::any("ec2:DescribeTags")
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        dry_run(input.dry_run)?;
        super::ensure_default_vpc(ctx).await?;
        let snapshot = ctx.cloud.store.snapshot();
        let mut all = Vec::new();
        for vpc in tables::all::<VpcRow>(&snapshot, &ctx.scope) {
            rows(&mut all, "vpc", &vpc.id, &vpc.tags);
        }
        for subnet in tables::all::<SubnetRow>(&snapshot, &ctx.scope) {
            rows(&mut all, "subnet", &subnet.id, &subnet.tags);
        }
        for group in tables::all::<SecurityGroupRow>(&snapshot, &ctx.scope) {
            rows(&mut all, "security-group", &group.id, &group.tags);
            for rule in &group.rules {
                rows(&mut all, "security-group-rule", &rule.id, &rule.tags);
            }
        }
        let mut found = Vec::new();
        for (id, shape) in all {
            if passes(input.filters.as_deref(), &[], &|name| facts(&shape, name))? {
                found.push((id, shape));
            }
        }
        found.sort_by(|(one, _), (other, _)| one.cmp(other));
        let (tags, next_token) = page(found, input.max_results, input.next_token.as_deref())?;
        Ok(Self::Output { tags: Some(tags), next_token })
    }
}

fn rows(all: &mut Vec<(String, shapes::TagDescription)>, kind: &str, id: &str, tags: &Tags) {
    all.extend(tags.iter().map(|(key, value)| {
        let shape = shapes::TagDescription {
            key: Some(key.clone()),
            resource_id: Some(id.to_owned()),
            resource_type: Some(kind.to_owned()),
            value: Some(value.clone()),
        };
        (format!("{id} {key}"), shape)
    }));
}

fn facts(shape: &shapes::TagDescription, name: &str) -> Option<Vec<String>> {
    let text = |value: &Option<String>| value.clone().into_iter().collect();
    if let Some(key) = name.strip_prefix("tag:") {
        return Some(if shape.key.as_deref() == Some(key) { text(&shape.value) } else { Vec::new() });
    }
    Some(match name {
        "key" => text(&shape.key),
        "resource-id" => text(&shape.resource_id),
        "resource-type" => text(&shape.resource_type),
        "value" => text(&shape.value),
        _unknown => return None,
    })
}
