//! One session: what it is for, who may enter, and where its ends meet.

use model::ecs::NodeId;
use model::{Scope, Timestamp};
use parking_lot::Mutex;
use tokio::sync::{mpsc, watch};
use wire::link::{ExecInput, ExecOutput};

/// What a session runs, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The account and region of the task.
    pub scope: Scope,
    /// The node that has the task.
    pub node: NodeId,
    /// The task.
    pub task_arn: String,
    /// Who asked for the session.
    pub owner: String,
    /// The container.
    pub container_name: String,
    /// The runtime's id of the container.
    pub runtime_id: String,
    /// The command, word by word.
    pub command: Vec<String>,
    /// Where its output is logged.
    pub log: Option<LogDestination>,
}

/// A log group for the output of a session; the stream has the session's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogDestination {
    /// The account and region of the group.
    pub scope: Scope,
    /// The group.
    pub group: String,
    /// Whether a missing group is created.
    pub create_group: bool,
}

/// A client's connection: frames of the data channel.
#[derive(Debug)]
pub struct Client {
    /// What comes; it ends with the connection.
    pub from: mpsc::Receiver<Vec<u8>>,
    /// What goes; the connection is closed when it ends.
    pub to: mpsc::Sender<Vec<u8>>,
    /// What the client said of a terminal: see `wire::datachannel::OpenDataChannel`.
    pub terminal: Option<bool>,
}

/// A node's end of a session.
#[derive(Debug)]
pub struct NodeEnd {
    /// What the command is given.
    pub input: mpsc::Receiver<ExecInput>,
    /// What comes of it.
    pub output: mpsc::Sender<ExecOutput>,
}

/// One session.
#[derive(Debug)]
pub struct Session {
    /// Its id.
    pub id: String,
    /// What it runs.
    pub target: Target,
    /// When it was granted.
    pub granted_at: Timestamp,
    token: Mutex<Token>,
    clients: mpsc::Sender<Client>,
    waiting: Mutex<Option<mpsc::Receiver<Client>>>,
    node_end: Mutex<Option<NodeEnd>>,
    ended: watch::Sender<bool>,
}

#[derive(Debug)]
struct Token {
    digest: [u8; 32],
    until: Timestamp,
    is_spent: bool,
    was_opened: bool,
}

impl Session {
    pub(super) fn new(
        id: String,
        target: Target,
        digest: [u8; 32],
        (granted_at, until): (Timestamp, Timestamp),
    ) -> Session {
        // One client at a time: a later one replaces it, and a third waits for its turn.
        let (clients, waiting) = mpsc::channel(1);
        let token = Token { digest, until, is_spent: false, was_opened: false };
        Session {
            id,
            target,
            granted_at,
            token: Mutex::new(token),
            clients,
            waiting: Mutex::new(Some(waiting)),
            node_end: Mutex::new(None),
            ended: watch::Sender::new(false),
        }
    }

    /// Whether the token fits; it does not fit a second time.
    pub(super) fn spend(&self, digest: &[u8; 32], now: Timestamp) -> bool {
        let mut token = self.token.lock();
        // Digests of random tokens: comparing them tells nothing about the token.
        let fits = !token.is_spent && now <= token.until && *digest == token.digest;
        if fits {
            (token.is_spent, token.was_opened) = (true, true);
        }
        fits
    }

    pub(super) fn renew(&self, digest: [u8; 32], until: Timestamp) {
        let mut token = self.token.lock();
        (token.digest, token.until, token.is_spent) = (digest, until, false);
    }

    /// Whether somebody opened it, or still may.
    pub(super) fn is_wanted(&self, now: Timestamp) -> bool {
        let token = self.token.lock();
        token.was_opened || now <= token.until
    }

    /// Whether it was opened.
    pub fn is_open(&self) -> bool {
        self.token.lock().was_opened
    }

    /// Hands a client to the session's runner; false when the session is ending.
    pub async fn attach(&self, client: Client) -> bool {
        self.clients.send(client).await.is_ok()
    }

    /// The clients, for the runner; `None` when there is a runner already.
    pub fn take_clients(&self) -> Option<mpsc::Receiver<Client>> {
        self.waiting.lock().take()
    }

    /// Lays a node's end ready.
    pub fn offer_node_end(&self, end: NodeEnd) {
        *self.node_end.lock() = Some(end);
    }

    /// The node's end, once.
    pub fn take_node_end(&self) -> Option<NodeEnd> {
        self.node_end.lock().take()
    }

    /// Asks the session to end.
    pub fn end(&self) {
        self.ended.send_replace(true);
    }

    /// Tells when the session is asked to end.
    pub fn watch_end(&self) -> watch::Receiver<bool> {
        self.ended.subscribe()
    }
}
