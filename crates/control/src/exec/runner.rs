//! The actor of one session. It alone changes the session's state; everything else sends to it.
//!
//! Handshake, then the command is started, then bytes flow both ways until it ends; what it wrote is
//! delivered before the channel is closed. Memory is bounded: a client that does not acknowledge stops
//! the reading of the command's output, a command that does not read stops the acknowledging of input.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use model::Timestamp;
use services::exec::{Client, NodeEnd, Session};
use tokio::sync::{mpsc, watch};
use wire::datachannel::{
    Acknowledgement, CHUNK_BYTES, ChannelClosed, Flag, HandshakeAction, HandshakeComplete, HandshakeRequest,
    HandshakeResponse, Incoming, Kind, Message, MessageId, Outgoing, Size, payload,
};
use wire::link::{ExecInput, ExecOutput, ExecuteCommand};

use super::log::SessionLog;
use super::{Surroundings, millis};

/// A client that does not answer a handshake in this time does not know of it: the agent's own patience.
const HANDSHAKE: Duration = Duration::from_millis(1500);
/// How long a node may take to open its stream.
const NODE: Duration = Duration::from_secs(30);
/// How long a client may take to take the last output, or to come back for it.
const DRAIN: Duration = Duration::from_secs(30);
/// The same when the server stops.
const STOP: Duration = Duration::from_secs(2);
/// Input that may wait for the command.
const INPUT_BYTES: usize = 256 << 10;
/// Outputs that may wait between node and runner.
const NODE_QUEUE: usize = 4;
/// Plugins look at it: from 2.3.722.0 on they ask for a session's end by a flag.
const AGENT_VERSION: &str = "3.3.1142.0";

/// Where a session is.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Phase {
    /// Nobody has come yet.
    New,
    /// The client has been asked, and has so long to answer.
    Handshake(Timestamp),
    /// The node has been asked, and has so long to answer.
    Starting(Timestamp),
    /// The command runs.
    Running,
    /// The command has ended for this reason; its last output has so long to arrive.
    Draining(String, Timestamp),
    /// Over.
    Closed,
}

/// What a runner wakes up for.
enum Event {
    Ended,
    Attached(Client),
    Frame(Option<Vec<u8>>),
    Output(Option<ExecOutput>),
    Time,
}

/// The actor.
pub(super) struct Runner {
    around: Surroundings,
    session: Arc<Session>,
    clients: mpsc::Receiver<Client>,
    client: Option<Client>,
    is_paused: bool,
    terminal: Option<bool>,
    outgoing: Outgoing,
    incoming: Incoming,
    phase: Phase,
    opened_at: Timestamp,
    active_at: Timestamp,
    input: VecDeque<ExecInput>,
    input_bytes: usize,
    to_node: mpsc::Sender<ExecInput>,
    from_node: mpsc::Receiver<ExecOutput>,
    output: VecDeque<(u32, Vec<u8>)>,
    log: Option<SessionLog>,
    ended: watch::Receiver<bool>,
}

impl Runner {
    pub(super) fn new(
        around: Surroundings,
        session: Arc<Session>,
        clients: mpsc::Receiver<Client>,
    ) -> Runner {
        let (to_node, input) = mpsc::channel(NODE_QUEUE);
        let (output, from_node) = mpsc::channel(NODE_QUEUE);
        session.offer_node_end(NodeEnd { input, output });
        let now = around.clock.now();
        Runner {
            ended: session.watch_end(),
            around,
            session,
            clients,
            client: None,
            is_paused: false,
            terminal: None,
            outgoing: Outgoing::default(),
            incoming: Incoming::default(),
            phase: Phase::New,
            opened_at: now,
            active_at: now,
            input: VecDeque::new(),
            input_bytes: 0,
            to_node,
            from_node,
            output: VecDeque::new(),
            log: None,
        }
    }

    /// Runs the session to its end.
    pub(super) async fn run(mut self) {
        while self.phase != Phase::Closed {
            self.send_output();
            let wait = self.deadline().since(self.now());
            let takes_output = self.takes_output();
            let event = tokio::select! {
                biased;
                () = ended(&mut self.ended), if !self.is_ending() => Event::Ended,
                Some(client) = self.clients.recv() => Event::Attached(client),
                frame = received(&mut self.client) => Event::Frame(frame),
                permit = self.to_node.reserve(), if !self.input.is_empty() => {
                    match (permit, self.input.pop_front()) {
                        (Ok(permit), Some(input)) => {
                            self.input_bytes -= bytes_of(&input);
                            permit.send(input);
                        }
                        // The command has ended; its last words are on their way.
                        (Err(_), _) | (Ok(_), None) => {
                            (self.input, self.input_bytes) = (VecDeque::new(), 0);
                        }
                    }
                    Event::Time
                }
                output = self.from_node.recv(), if takes_output => Event::Output(output),
                () = tokio::time::sleep(wait) => Event::Time,
            };
            match event {
                Event::Ended => self.drain("The session was terminated.", STOP),
                Event::Attached(client) => self.attach(client),
                Event::Frame(Some(frame)) => self.take(&frame).await,
                Event::Frame(None) => self.client = None,
                Event::Output(output) => self.command_said(output).await,
                Event::Time => self.tick(),
            }
            self.close_when_done().await;
        }
        self.around.cloud.exec.remove(&self.session.id);
        if let Some(log) = &mut self.log {
            log.finish().await;
        }
    }

    fn now(&self) -> Timestamp {
        self.around.clock.now()
    }

    fn is_ending(&self) -> bool {
        matches!(self.phase, Phase::Draining(..) | Phase::Closed)
    }

    fn takes_output(&self) -> bool {
        matches!(self.phase, Phase::Starting(_) | Phase::Running) && self.output.is_empty() && self.can_send()
    }

    fn can_send(&self) -> bool {
        self.client.is_some() && !self.is_paused && self.outgoing.has_room()
    }

    fn deadline(&self) -> Timestamp {
        let idle = self.active_at + self.around.cloud.settings.exec_idle_timeout;
        let of_phase = match &self.phase {
            Phase::Draining(_, until) => *until,
            Phase::Handshake(until) | Phase::Starting(until) => idle.min(*until),
            Phase::New | Phase::Running | Phase::Closed => idle,
        };
        let resend = self.outgoing.due_at_ms().filter(|_| self.client.is_some());
        let resend = resend.and_then(|at| i64::try_from(at).ok()).map(Timestamp::from_millis);
        resend.map_or(of_phase, |resend| resend.min(of_phase))
    }

    fn tick(&mut self) {
        let now = self.now();
        if let Some(client) = &self.client
            && let Some(frame) = self.outgoing.due(millis(now))
        {
            let _ = client.to.try_send(frame.to_vec());
        }
        if self.outgoing.is_given_up() {
            self.client = None;
        }
        match &self.phase {
            Phase::Handshake(until) if now >= *until => self.start(),
            Phase::Starting(until) if now >= *until => {
                self.drain("The execute command failed: the node does not answer.", DRAIN);
            }
            Phase::New | Phase::Handshake(_) | Phase::Starting(_) | Phase::Running => {
                if now >= self.active_at + self.around.cloud.settings.exec_idle_timeout {
                    self.drain("Your session timed out due to inactivity.", STOP);
                }
            }
            Phase::Draining(..) | Phase::Closed => {}
        }
    }

    /// Greets a client, or one that has come back.
    fn attach(&mut self, client: Client) {
        let now = self.now();
        (self.is_paused, self.active_at) = (false, now);
        self.terminal = client.terminal;
        let to = client.to.clone();
        self.client = Some(client);
        let publication = self.message(Kind::StartPublication, 0, payload::START_PUBLICATION, Vec::new());
        let _ = to.try_send(publication.encode());
        for frame in self.outgoing.again(millis(now)) {
            let _ = to.try_send(frame.to_vec());
        }
        if self.phase == Phase::New {
            let kind = if self.has_terminal() { "Standard_Stream" } else { "NonInteractiveCommands" };
            let request = HandshakeRequest {
                agent_version: AGENT_VERSION.into(),
                requested_client_actions: vec![HandshakeAction {
                    action_type: "SessionType".into(),
                    action_parameters: serde_json::json!({ "SessionType": kind }),
                }],
            };
            self.send_json(payload::HANDSHAKE_REQUEST, &request);
            self.phase = Phase::Handshake(now + HANDSHAKE);
        }
    }

    fn has_terminal(&self) -> bool {
        self.terminal.unwrap_or(true)
    }

    /// Takes a frame of the client. What is none is dropped: the client sends again what counts.
    async fn take(&mut self, frame: &[u8]) {
        let message = match Message::decode(frame) {
            Ok(message) => message,
            Err(error) => {
                tracing::debug!(session = self.session.id, %error, "a frame was dropped");
                return;
            }
        };
        match message.kind {
            Kind::Acknowledge => {
                if let Ok(told) = serde_json::from_slice::<Acknowledgement>(&message.payload) {
                    let now = millis(self.now());
                    self.outgoing.acknowledged(told.sequence, now);
                }
            }
            Kind::PausePublication => self.is_paused = true,
            Kind::StartPublication => self.is_paused = false,
            Kind::InputStreamData => self.take_input(message).await,
            Kind::ChannelClosed => self.drain("", STOP),
            Kind::OutputStreamData => {}
        }
    }

    async fn take_input(&mut self, message: Message) {
        if self.input_bytes > INPUT_BYTES {
            return;
        }
        let told = Acknowledgement::of(&message);
        let accepted = self.incoming.accept(message);
        if accepted.acknowledge {
            let content = serde_json::to_vec(&told).unwrap_or_default();
            let answer = self.message(Kind::Acknowledge, 0, 0, content);
            self.try_send(answer.encode());
        }
        for message in accepted.ready {
            self.active_at = self.now();
            self.act(message).await;
        }
    }

    async fn act(&mut self, message: Message) {
        if message.payload_type == payload::HANDSHAKE_RESPONSE {
            self.shake(&message.payload);
            return;
        }
        // A client that begins to speak without an answer does not know of handshakes.
        if matches!(self.phase, Phase::Handshake(_)) {
            self.start();
        }
        match message.payload_type {
            payload::OUTPUT => {
                let input = if message.payload.is_empty() {
                    ExecInput::End
                } else {
                    ExecInput::Data(message.payload)
                };
                self.queue(input);
            }
            payload::SIZE => {
                if let Ok(Size { cols, rows }) = serde_json::from_slice(&message.payload) {
                    self.queue(ExecInput::Resize { columns: cols, rows });
                }
            }
            payload::FLAG => match Flag::read(&message.payload) {
                Some(Flag::TerminateSession) => self.drain("", STOP),
                Some(Flag::DisconnectToPort | Flag::ConnectToPortError) | None => {}
            },
            other => tracing::debug!(session = self.session.id, other, "an unknown payload was dropped"),
        }
    }

    fn queue(&mut self, input: ExecInput) {
        self.input_bytes += bytes_of(&input);
        self.input.push_back(input);
    }

    fn shake(&mut self, response: &[u8]) {
        if !matches!(self.phase, Phase::Handshake(_)) {
            return;
        }
        let response: HandshakeResponse = serde_json::from_slice(response).unwrap_or_default();
        if let Some(error) = response.errors.and_then(|errors| errors.into_iter().next()) {
            self.drain(&format!("Handshake failed: {error}"), DRAIN);
            return;
        }
        let took = self.now().since(self.opened_at);
        let complete = HandshakeComplete {
            handshake_time_to_complete: u64::try_from(took.as_nanos()).unwrap_or(0),
            customer_message: String::new(),
        };
        self.send_json(payload::HANDSHAKE_COMPLETE, &complete);
        self.start();
    }

    /// Asks the node for the command.
    fn start(&mut self) {
        let target = &self.session.target;
        let command = ExecuteCommand {
            session_id: self.session.id.clone(),
            task_arn: target.task_arn.clone(),
            container_name: target.container_name.clone(),
            runtime_id: target.runtime_id.clone(),
            command: target.command.clone(),
            terminal: self.has_terminal(),
        };
        if self.around.cloud.exec.command(&target.node, command) {
            self.phase = Phase::Starting(self.now() + NODE);
        } else {
            self.drain("The execute command failed: the node is not connected.", DRAIN);
        }
    }

    async fn command_said(&mut self, output: Option<ExecOutput>) {
        self.active_at = self.now();
        if matches!(self.phase, Phase::Starting(_)) {
            self.phase = Phase::Running;
            if let Some(destination) = self.session.target.log.clone() {
                match SessionLog::open(self.around.clone(), destination, &self.session.id).await {
                    Ok(log) => self.log = Some(log),
                    Err(reason) => return self.drain(&reason, DRAIN),
                }
            }
        }
        match output {
            Some(ExecOutput::Stdout(bytes)) => self.say(payload::OUTPUT, bytes).await,
            Some(ExecOutput::Stderr(bytes)) => self.say(payload::STDERR, bytes).await,
            Some(ExecOutput::Exited(code)) => {
                // AWS's own clients would print the code as if it were output.
                if self.terminal.is_some() {
                    self.output.push_back((payload::EXIT_CODE, code.to_string().into_bytes()));
                }
                self.drain("", DRAIN);
            }
            Some(ExecOutput::Failed(reason)) => self.drain(&reason, DRAIN),
            None => self.drain("The execute command failed: the node has gone.", DRAIN),
        }
    }

    async fn say(&mut self, kind: u32, bytes: Vec<u8>) {
        if let Some(log) = &mut self.log {
            log.take(&bytes).await;
        }
        self.output.extend(bytes.chunks(CHUNK_BYTES).map(|chunk| (kind, chunk.to_vec())));
    }

    /// Sends what the window has room for.
    fn send_output(&mut self) {
        while self.can_send()
            && let Some((kind, bytes)) = self.output.pop_front()
        {
            self.send(kind, bytes);
        }
    }

    fn send_json(&mut self, kind: u32, content: &impl serde::Serialize) {
        self.send(kind, serde_json::to_vec(content).unwrap_or_default());
    }

    /// Sends a message that counts: it is sent again until it is acknowledged.
    fn send(&mut self, kind: u32, bytes: Vec<u8>) {
        let sequence = self.outgoing.next_sequence();
        let frame = self.message(Kind::OutputStreamData, sequence, kind, bytes).encode();
        self.outgoing.sent(frame.clone(), millis(self.now()));
        self.try_send(frame);
    }

    fn message(&self, kind: Kind, sequence: i64, payload_type: u32, payload: Vec<u8>) -> Message {
        let mut id = [0; 16];
        self.around.ids.with(|ids| ids.fill(&mut id));
        let flags = if kind == Kind::OutputStreamData && sequence == 0 { Message::SYN } else { 0 };
        let created_at_ms = millis(self.now());
        Message { kind, created_at_ms, sequence, flags, id: MessageId(id), payload_type, payload }
    }

    /// A connection that chokes loses the frame; what counts is sent again.
    fn try_send(&self, frame: Vec<u8>) {
        if let Some(client) = &self.client {
            let _ = client.to.try_send(frame);
        }
    }

    /// Begins the end. The node sees its stream close and ends the command, if it has not ended.
    fn drain(&mut self, reason: &str, patience: Duration) {
        if !self.is_ending() {
            self.phase = Phase::Draining(reason.to_owned(), self.now() + patience);
            // Dropping the channels is how the node learns of the end.
            (self.to_node, _) = mpsc::channel(1);
            self.from_node.close();
        }
    }

    async fn close_when_done(&mut self) {
        let Phase::Draining(reason, until) = &self.phase else { return };
        let delivered = self.outgoing.is_empty() && self.output.is_empty();
        if !delivered && self.now() < *until {
            return;
        }
        let closed = self.message(Kind::ChannelClosed, 0, 0, Vec::new());
        let content =
            ChannelClosed::new(&self.session.id, &closed.id.to_string(), closed.created_at_ms, reason);
        let payload = serde_json::to_vec(&content).unwrap_or_default();
        if let Some(client) = self.client.take() {
            let frame = Message { payload, ..closed }.encode();
            let _ = tokio::time::timeout(STOP, client.to.send(frame)).await;
        }
        self.phase = Phase::Closed;
    }
}

async fn ended(told: &mut watch::Receiver<bool>) {
    if told.wait_for(|ended| *ended).await.is_err() {
        std::future::pending().await
    }
}

async fn received(client: &mut Option<Client>) -> Option<Vec<u8>> {
    match client {
        Some(client) => client.from.recv().await,
        None => std::future::pending().await,
    }
}

fn bytes_of(input: &ExecInput) -> usize {
    match input {
        ExecInput::Data(bytes) => bytes.len(),
        ExecInput::Resize { .. } | ExecInput::End => 0,
    }
}
