//! What a new account has: the role that ECS's console makes for everybody's first task.
//!
//! `ecsTaskExecutionRole` is in most task definitions that people have. It is made once; who deletes it has deleted it.

use model::iam::{AccountFacts, EntityName, EntityPath, Identity, Permissions, Role};
use model::{AccountId, IdSource, Timestamp};
use store::{Error, Row, Snapshot, Store, Txn, key};

use super::holder::Named;
use super::store::{AccountRow, RoleRow};
use super::trust::USUAL_SECONDS;

const NAME: &str = "ecsTaskExecutionRole";
const POLICY: &str = "arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy";
/// What ECS's documentation tells everybody to add for `awslogs-create-group`.
const CREATE_GROUPS: &str = "CreateLogGroups";
const CREATE_GROUPS_DOCUMENT: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"logs:CreateLogGroup","Resource":"*"}]}"#;
const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Sid":"","Effect":"Allow","Principal":{"Service":"ecs-tasks.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;

/// Opens the account at its first start; does nothing at any other.
///
/// # Errors
/// When the store cannot be written.
pub async fn open_account(
    store: &Store,
    account: &AccountId,
    now: Timestamp,
    ids: &mut dyn IdSource,
) -> Result<(), Error> {
    let facts = AccountRow(AccountFacts { account: account.clone(), opened_at: now });
    let snapshot = store.snapshot();
    if snapshot.get::<AccountRow>(&facts.key()).is_some() {
        return Ok(());
    }
    let role = RoleRow(execution_role(account, now, ids));
    let txn = Txn::new().insert(&facts);
    let is_taken = snapshot.get::<RoleRow>(&role.key()).is_some();
    store.commit(if is_taken { txn } else { txn.insert(&role) }).await.map(drop)
}

/// When the account was opened.
pub(super) fn opened_at(snapshot: &Snapshot, account: &AccountId) -> Option<Timestamp> {
    snapshot.get::<AccountRow>(&key![account]).map(|facts| facts.opened_at)
}

fn execution_role(account: &AccountId, now: Timestamp, ids: &mut dyn IdSource) -> Role {
    let identity = Identity {
        account: account.clone(),
        name: EntityName::new(NAME).expect("the name is one"),
        path: EntityPath::new("/").expect("the path is one"),
        id: format!("{}{}", RoleRow::PREFIX, ids.base32(17)),
        created_at: now,
    };
    let attached = [POLICY.to_owned()].into();
    let create_groups = EntityName::new(CREATE_GROUPS).expect("the name is one");
    let inline = [(create_groups, CREATE_GROUPS_DOCUMENT.to_owned())].into();
    Role {
        identity,
        permissions: Permissions { inline, attached, ..Permissions::default() },
        trust: TRUST.to_owned(),
        description: Some("Allows ECS tasks to pull images and to write logs.".to_owned()),
        max_session_seconds: USUAL_SECONDS,
        tags: Default::default(),
    }
}
