//! Exec sessions: granted by ExecuteCommand, opened once by whoever has the token, ended with their task.
//!
//! They live in the memory of the server that granted them and end with it. What a session does is
//! `control::exec`'s business; here is who may enter, and how the three ends (client, runner, node) meet.

mod session;
mod words;

use std::collections::BTreeMap;
use std::sync::Arc;

use model::ecs::NodeId;
use model::{Scope, Timestamp};
use parking_lot::Mutex;
use sha2::{Digest, Sha256};
use thiserror::Error;
use tokio::sync::mpsc;
use wire::link::ExecuteCommand;

pub use session::{Client, LogDestination, NodeEnd, Session, Target};
pub use words::split as split_words;

use crate::context::Ids;

/// Where clients open sessions: `PATH/SESSION-ID`.
pub const STREAM_PATH: &str = "/v1/data-channel";
/// How long a token may wait for its client.
pub const TOKEN_LIFETIME_MS: i64 = 120_000;
/// Sessions at once, over all tasks.
const MAX_SESSIONS: usize = 1_000;
/// Commands that may wait for one node's link.
const NODE_QUEUE: usize = 64;

/// Every session of this server.
#[derive(Debug, Default)]
pub struct Sessions(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    sessions: BTreeMap<String, Arc<Session>>,
    nodes: BTreeMap<String, mpsc::Sender<ExecuteCommand>>,
}

/// A session that a client may now open.
#[derive(Clone, PartialEq, Eq)]
pub struct Granted {
    /// The session.
    pub session_id: String,
    /// What opens it, once.
    pub token: String,
}

/// Why a session is not to be had.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum Refused {
    /// There are too many.
    #[error("there are too many sessions")]
    Limit,
    /// No link to the node is up.
    #[error("the node is not connected")]
    Disconnected,
    /// There is no such session, or it has ended.
    #[error("there is no such session")]
    Unknown,
    /// The token is wrong, used or too old.
    #[error("the token does not open the session")]
    Token,
}

impl Sessions {
    /// Grants a session.
    ///
    /// # Errors
    /// [`Refused::Limit`] and [`Refused::Disconnected`].
    pub fn grant(&self, target: Target, now: Timestamp, ids: &Ids) -> Result<Granted, Refused> {
        let session_id = format!("ecs-execute-command-0{}", ids.hex(16));
        let token = format!("{}{}", ids.hex32(), ids.hex32());
        let session = Session::new(session_id.clone(), target, digest(&token), (now, now + lifetime()));
        let mut inner = self.0.lock();
        inner.sessions.retain(|_, session| session.is_wanted(now));
        if !inner.nodes.contains_key(session.target.node.as_str()) {
            return Err(Refused::Disconnected);
        }
        if inner.sessions.len() >= MAX_SESSIONS {
            return Err(Refused::Limit);
        }
        inner.sessions.insert(session_id.clone(), Arc::new(session));
        Ok(Granted { session_id, token })
    }

    /// Spends a token.
    ///
    /// # Errors
    /// [`Refused::Unknown`] and [`Refused::Token`].
    pub fn open(&self, session_id: &str, token: &str, now: Timestamp) -> Result<Arc<Session>, Refused> {
        let session = self.find(session_id).ok_or(Refused::Unknown)?;
        if session.spend(&digest(token), now) { Ok(session) } else { Err(Refused::Token) }
    }

    /// Gives a session that was opened before another token: its client lost the connection.
    ///
    /// # Errors
    /// [`Refused::Unknown`].
    pub fn resume(&self, session_id: &str, now: Timestamp, ids: &Ids) -> Result<Granted, Refused> {
        let session = self.find(session_id).ok_or(Refused::Unknown)?;
        let token = format!("{}{}", ids.hex32(), ids.hex32());
        session.renew(digest(&token), now + lifetime());
        Ok(Granted { session_id: session_id.to_owned(), token })
    }

    /// The session, while it lasts.
    pub fn find(&self, session_id: &str) -> Option<Arc<Session>> {
        self.0.lock().sessions.get(session_id).cloned()
    }

    /// All sessions of an account in a region, by id.
    pub fn of(&self, scope: &Scope) -> Vec<Arc<Session>> {
        let inner = self.0.lock();
        inner.sessions.values().filter(|session| session.target.scope == *scope).cloned().collect()
    }

    /// Forgets a session that has ended.
    pub fn remove(&self, session_id: &str) {
        self.0.lock().sessions.remove(session_id);
    }

    /// Asks all sessions to end.
    pub fn end_all(&self) {
        self.0.lock().sessions.values().for_each(|session| session.end());
    }

    /// Whether no session is open.
    pub fn is_empty(&self) -> bool {
        self.0.lock().sessions.values().all(|session| !session.is_open())
    }

    /// The commands for a node whose link has come up.
    pub fn connect_node(&self, node: &NodeId) -> mpsc::Receiver<ExecuteCommand> {
        let (sender, commands) = mpsc::channel(NODE_QUEUE);
        self.0.lock().nodes.insert(node.to_string(), sender);
        commands
    }

    /// Notes that a node's link is down.
    pub fn disconnect_node(&self, node: &NodeId) {
        self.0.lock().nodes.remove(node.as_str());
    }

    /// Sends a node its part of a session; false when its link is down or chokes.
    pub fn command(&self, node: &NodeId, command: ExecuteCommand) -> bool {
        let sender = self.0.lock().nodes.get(node.as_str()).cloned();
        sender.is_some_and(|sender| sender.try_send(command).is_ok())
    }
}

/// Where a session is opened: at the front door, over a websocket.
pub fn stream_url(endpoint: &str, session_id: &str) -> String {
    let socket =
        endpoint.strip_prefix("http").map_or_else(|| endpoint.to_owned(), |rest| format!("ws{rest}"));
    format!("{socket}{STREAM_PATH}/{session_id}?role=publish_subscribe")
}

fn lifetime() -> std::time::Duration {
    std::time::Duration::from_millis(TOKEN_LIFETIME_MS.unsigned_abs())
}

fn digest(token: &str) -> [u8; 32] {
    Sha256::digest(token).into()
}

#[cfg(test)]
mod tests {
    use model::id::SeededIds;
    use model::{AccountId, Region};

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_000_000);

    fn target() -> Target {
        let scope = Scope::new(AccountId::new("123456789012").unwrap(), Region::new("us-east-2").unwrap());
        Target {
            scope,
            node: NodeId::new("00000000000000000000000000000001").unwrap(),
            task_arn: "arn".into(),
            owner: "arn:aws:iam::123456789012:root".into(),
            container_name: "web".into(),
            runtime_id: "r".into(),
            command: vec!["sh".into()],
            log: None,
        }
    }

    fn at(seconds: u64) -> Timestamp {
        NOW + std::time::Duration::from_secs(seconds)
    }

    #[test]
    fn a_token_opens_its_session_once_and_in_time() {
        let (sessions, ids) = (Sessions::default(), Ids::new(SeededIds::new(1)));
        assert_eq!(sessions.grant(target(), NOW, &ids).err(), Some(Refused::Disconnected));
        let _commands = sessions.connect_node(&target().node);
        let granted = sessions.grant(target(), NOW, &ids).unwrap();
        assert!(granted.session_id.starts_with("ecs-execute-command-0"));
        let open = |token: &str, now| sessions.open(&granted.session_id, token, now).map(drop);
        assert_eq!(open("wrong", NOW), Err(Refused::Token));
        assert_eq!(open(&granted.token, at(121)), Err(Refused::Token));
        assert_eq!(open(&granted.token, at(60)), Ok(()));
        assert_eq!(open(&granted.token, at(61)), Err(Refused::Token), "it has been used");
        let again = sessions.resume(&granted.session_id, at(90), &ids).unwrap();
        assert_eq!(open(&again.token, at(91)), Ok(()));
        assert_eq!(sessions.open("other", &again.token, at(91)).err(), Some(Refused::Unknown));
    }

    #[test]
    fn streams_are_opened_where_the_api_answers() {
        assert_eq!(
            stream_url("http://127.0.0.1:4566", "s"),
            "ws://127.0.0.1:4566/v1/data-channel/s?role=publish_subscribe"
        );
        assert!(stream_url("https://h", "s").starts_with("wss://h/v1/"));
    }

    #[test]
    fn what_nobody_opened_in_time_is_forgotten() {
        let (sessions, ids) = (Sessions::default(), Ids::new(SeededIds::new(1)));
        let _commands = sessions.connect_node(&target().node);
        let first = sessions.grant(target(), NOW, &ids).unwrap();
        let second = sessions.grant(target(), NOW, &ids).unwrap();
        sessions.open(&second.session_id, &second.token, NOW).unwrap();
        sessions.grant(target(), at(200), &ids).unwrap();
        assert!(sessions.find(&first.session_id).is_none());
        assert!(sessions.find(&second.session_id).is_some());
    }
}
