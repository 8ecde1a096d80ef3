//! Which images a policy expires or archives. Pure.
//!
//! ECR user guide, "Lifecycle policy evaluation rules": rules are evaluated all at once and
//! applied by priority; an image that a rule's tags select is no lower rule's to expire,
//! though lower rules still count it; what an index lists stays as long as the index.

use std::collections::BTreeSet;
use std::time::Duration;

use model::Timestamp;
use model::ecr::{Digest, ImageTag};

use super::policy::{Action, Count, Policy, Rule};
use crate::tables::StorageClass;

const DAY: u64 = 24 * 60 * 60;

/// An image as a policy sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The image.
    pub digest: Digest,
    /// Its tags.
    pub tags: Vec<ImageTag>,
    /// When it was pushed.
    pub pushed_at: Timestamp,
    /// When it was last pulled.
    pub pulled_at: Option<Timestamp>,
    /// Where it is kept.
    pub storage: StorageClass,
    /// When it was last archived.
    pub archived_at: Option<Timestamp>,
    /// When it last came back.
    pub activated_at: Option<Timestamp>,
    /// Whether an index of the repository lists it.
    pub is_listed: bool,
}

impl Candidate {
    /// When it was last of use: pulled, brought back from the archive, or pushed.
    fn used_at(&self) -> Timestamp {
        let newest = self.pulled_at.max(self.activated_at);
        newest.unwrap_or(self.pushed_at)
    }
}

/// An image that a policy acts on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Affected {
    /// The image.
    pub digest: Digest,
    /// Its tags.
    pub tags: Vec<ImageTag>,
    /// When it was pushed.
    pub pushed_at: Timestamp,
    /// Where it is kept.
    pub storage: StorageClass,
    /// What becomes of it.
    pub action: Action,
    /// The priority of the rule that says so.
    pub priority: i32,
}

/// The images that `policy` acts on at `now`, the oldest of each rule first.
pub fn evaluate(policy: &Policy, images: &[Candidate], now: Timestamp) -> Vec<Affected> {
    let mut by_age: Vec<&Candidate> = images.iter().collect();
    by_age.sort_by(|a, b| (a.pushed_at, &a.digest).cmp(&(b.pushed_at, &b.digest)));
    let mut claimed: BTreeSet<&Digest> = BTreeSet::new();
    let mut affected = Vec::new();
    for rule in &policy.rules {
        let selected: Vec<&Candidate> = by_age
            .iter()
            .copied()
            .filter(|image| image.storage == rule.storage)
            .filter(|image| rule.tags.selects(image.tags.iter().map(ImageTag::as_str)))
            .collect();
        for image in unwanted(rule, &selected, now) {
            if !claimed.contains(&image.digest) && !image.is_listed {
                affected.push(Affected {
                    digest: image.digest.clone(),
                    tags: image.tags.clone(),
                    pushed_at: image.pushed_at,
                    storage: image.storage,
                    action: rule.action,
                    priority: rule.priority,
                });
            }
        }
        claimed.extend(selected.iter().map(|image| &image.digest));
    }
    affected
}

/// Those of the selected images, oldest first, that are too many or too old.
fn unwanted<'a>(rule: &Rule, selected: &[&'a Candidate], now: Timestamp) -> Vec<&'a Candidate> {
    let older = |days: u64, time: Timestamp| now.since(time) > Duration::from_secs(days.saturating_mul(DAY));
    match rule.count {
        Count::MoreThan(kept) => selected[..selected.len().saturating_sub(kept)].to_vec(),
        Count::DaysSincePush(days) => {
            selected.iter().copied().filter(|image| older(days, image.pushed_at)).collect()
        }
        Count::DaysSincePull(days) => {
            selected.iter().copied().filter(|image| older(days, image.used_at())).collect()
        }
        Count::DaysSinceArchived(days) => selected
            .iter()
            .copied()
            .filter(|image| image.archived_at.is_some_and(|time| older(days, time)))
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn image(age_days: u64, tags: &[&str]) -> Candidate {
        Candidate {
            digest: crate::digest_of(model::ecr::Algorithm::Sha256, format!("{age_days}{tags:?}").as_bytes()),
            tags: tags.iter().map(|tag| tag.parse().unwrap()).collect(),
            pushed_at: now() - Duration::from_secs(age_days * DAY),
            pulled_at: None,
            storage: StorageClass::Standard,
            archived_at: None,
            activated_at: None,
            is_listed: false,
        }
    }

    fn now() -> Timestamp {
        Timestamp::from_millis(1_700_000_000_000)
    }

    fn policy(rules: &[(Value, &str, u32)]) -> Policy {
        let rule = |(at, (tags, count, number)): (usize, &(Value, &str, u32))| {
            let mut selection = tags.clone();
            selection["countType"] = json!(count);
            selection["countNumber"] = json!(number);
            if count.starts_with("since") {
                selection["countUnit"] = json!("days");
            }
            let archives = count == &"sinceImagePulled";
            let archive = json!({"type": "transition", "targetStorageClass": "archive"});
            let action = if archives { archive } else { json!({"type": "expire"}) };
            json!({"rulePriority": at + 1, "selection": selection, "action": action})
        };
        let rules: Vec<_> = rules.iter().enumerate().map(rule).collect();
        Policy::parse(&json!({ "rules": rules }).to_string()).unwrap()
    }

    fn check(rules: &[(Value, &str, u32)], images: &[Candidate], expected: &[(usize, i32)]) {
        let found = evaluate(&policy(rules), images, now());
        let found: Vec<_> = found.iter().map(|gone| (gone.digest.clone(), gone.priority)).collect();
        let expected: Vec<_> = expected.iter().map(|(at, by)| (images[*at].digest.clone(), *by)).collect();
        assert_eq!(found, expected);
    }

    fn any() -> Value {
        json!({"tagStatus": "any"})
    }

    fn tagged(prefix: &str) -> Value {
        json!({"tagStatus": "tagged", "tagPrefixList": [prefix]})
    }

    #[test]
    fn the_oldest_beyond_a_count_go() {
        let images = [image(1, &[]), image(9, &[]), image(5, &["x"])];
        check(&[(any(), "imageCountMoreThan", 1)], &images, &[(1, 1), (2, 1)]);
        check(&[(any(), "imageCountMoreThan", 3)], &images, &[]);
    }

    #[test]
    fn the_untagged_go_by_age() {
        let images = [image(20, &[]), image(20, &["v1"]), image(14, &[])];
        let untagged = json!({"tagStatus": "untagged"});
        check(&[(untagged, "sinceImagePushed", 14)], &images, &[(0, 1)]);
    }

    #[test]
    fn a_higher_rule_protects_what_its_tags_select() {
        let images = [image(9, &["prod1"]), image(8, &["dev"]), image(7, &[])];
        let rules = [(tagged("prod"), "imageCountMoreThan", 1), (any(), "imageCountMoreThan", 1)];
        check(&rules, &images, &[(1, 2)]);
        // The lower rule still counts what the higher one has: of three, one is kept.
        let rules = [(tagged("prod"), "imageCountMoreThan", 5), (any(), "imageCountMoreThan", 2)];
        check(&rules, &images, &[]);
    }

    #[test]
    fn every_pattern_needs_a_tag() {
        let images = [image(9, &["alpha-1", "beta"]), image(8, &["alpha-2"])];
        let both = json!({"tagStatus": "tagged", "tagPatternList": ["alpha*", "b*a"]});
        check(&[(both, "sinceImagePushed", 1)], &images, &[(0, 1)]);
    }

    #[test]
    fn what_an_index_lists_stays() {
        let mut images = [image(9, &[])];
        images[0].is_listed = true;
        check(&[(any(), "sinceImagePushed", 1)], &images, &[]);
    }

    #[test]
    fn a_pull_counts_as_life() {
        let mut images = [image(9, &["a"]), image(9, &["b"])];
        images[0].pulled_at = Some(now() - Duration::from_secs(DAY));
        check(&[(any(), "sinceImagePulled", 5)], &images, &[(1, 1)]);
    }

    #[test]
    fn the_archive_is_a_world_of_its_own() {
        let mut images = [image(400, &[]), image(300, &[]), image(200, &[])];
        for archived in &mut images[..2] {
            archived.storage = StorageClass::Archive;
            archived.archived_at = Some(now() - Duration::from_secs(95 * DAY));
        }
        images[1].archived_at = Some(now() - Duration::from_secs(9 * DAY));
        let archive = json!({"tagStatus": "any", "storageClass": "archive"});
        check(&[(archive, "sinceImageTransitioned", 90)], &images, &[(0, 1)]);
        check(&[(any(), "imageCountMoreThan", 1)], &images, &[]);
        images[2].activated_at = Some(now() - Duration::from_secs(DAY));
        check(&[(any(), "sinceImagePulled", 5)], &images, &[]);
    }

    proptest! {
        #[test]
        fn no_image_expires_twice_and_the_newest_stay(ages in proptest::collection::btree_set(0u64..500, 0..30), kept in 1u32..10) {
            let images: Vec<_> = ages.iter().map(|age| image(*age, if age % 3 == 0 { &["v"] } else { &[] })).collect();
            let rules = [(tagged("v"), "imageCountMoreThan", kept), (any(), "imageCountMoreThan", kept)];
            let gone = evaluate(&policy(&rules), &images, now());
            let digests: BTreeSet<_> = gone.iter().map(|gone| &gone.digest).collect();
            prop_assert_eq!(digests.len(), gone.len());
            for newest in images.iter().take(kept as usize) {
                prop_assert!(!digests.contains(&newest.digest));
            }
        }
    }
}
