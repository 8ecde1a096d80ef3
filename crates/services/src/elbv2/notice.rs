//! What the service scheduler notices of target groups without asking for them: which one a change concerns, and when
//! a draining ends.

use model::elbv2::TargetKey;
use model::{Scope, Timestamp};
use store::{Change, Row, Snapshot};

use super::store::TargetRow;
use super::{find, targets};

/// The target group, by scope and ARN, whose target changed. A target that is gone is not found any more: when that
/// happens was known before, from [`drains_until`].
pub fn target_group_of(snapshot: &Snapshot, change: &Change) -> Option<(Scope, String)> {
    if change.table != TargetRow::TABLE {
        return None;
    }
    let target = snapshot.get::<TargetRow>(&change.key)?;
    Some((target.scope.clone(), target.group.arn(&target.scope).to_string()))
}

/// When the draining of a target ends, if it drains.
pub fn drains_until(
    snapshot: &Snapshot,
    scope: &Scope,
    target_group_arn: &str,
    key: &TargetKey,
) -> Option<Timestamp> {
    let group = find::target_group(snapshot, scope, target_group_arn).ok()?;
    targets::find(snapshot, scope, &group, key)?.draining_until
}
