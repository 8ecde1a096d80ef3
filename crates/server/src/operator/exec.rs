//! `longshore exec`: a command in a container, over the same data channel as the session-manager-plugin's.
//!
//! At a terminal it has one too; otherwise its output, its errors and its exit code come apart, as pipes want them.

use std::io::{Read, Write};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use futures_util::{SinkExt, StreamExt};
use model::IdSource;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message as Frame;
use wire::datachannel::{
    Acknowledgement, CHUNK_BYTES, ChannelClosed, HandshakeResponse, Incoming, Kind, Message, MessageId,
    OpenDataChannel, Outgoing, payload,
};
use wire::ecs::SERVICE as ECS;

use super::api::Api;
use super::terminal::{self, Raw};
use super::{ExecOptions, find};
use crate::clock::{self, SystemIds};

/// How long until we look again whether something must be sent again.
const TICK: Duration = Duration::from_millis(100);
/// What a command that was never heard of ends with, as `docker exec` does.
const FAILED: u8 = 126;

pub(super) async fn run(options: &ExecOptions) -> Result<u8> {
    let api = Api::of(&options.profile)?;
    let task = find::task(&api, &options.task, false).await?;
    let command: Vec<String> = options.command.iter().map(|word| quoted(word)).collect();
    let mut input = json!({ "cluster": task["clusterArn"], "task": task["taskArn"], "command": command.join(" "),
        "interactive": true });
    if let Some(container) = &options.container {
        input["container"] = container.as_str().into();
    }
    let answer = api.call(ECS, "ExecuteCommand", input).await?;
    let has_terminal = Raw::is_possible();
    let mut channel = Channel::open(&api.authority, &answer["session"], has_terminal).await?;
    let raw = if has_terminal { Some(Raw::enter()?) } else { None };
    let ended = channel.carry(has_terminal).await;
    drop(raw);
    ended
}

/// A word that the service splits back into itself.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// Our end of the data channel.
struct Channel {
    socket: WebSocketStream<TcpStream>,
    outgoing: Outgoing,
    incoming: Incoming,
    exit_code: Option<u8>,
}

impl Channel {
    async fn open(authority: &str, session: &Value, terminal: bool) -> Result<Channel> {
        let text = |name: &str| session[name].as_str().unwrap_or_default().to_owned();
        let stream = TcpStream::connect(authority).await.context("connecting to the session")?;
        stream.set_nodelay(true).ok();
        let (mut socket, _answer) = tokio_tungstenite::client_async(text("streamUrl"), stream)
            .await
            .context("opening the session")?;
        let opening = OpenDataChannel {
            message_schema_version: "1.0".into(),
            request_id: SystemIds.uuid(),
            token_value: text("tokenValue"),
            client_id: SystemIds.uuid(),
            client_version: env!("CARGO_PKG_VERSION").into(),
            terminal: Some(terminal),
        };
        socket.send(Frame::text(serde_json::to_string(&opening)?)).await.context("opening the session")?;
        Ok(Channel { socket, outgoing: Outgoing::default(), incoming: Incoming::default(), exit_code: None })
    }

    /// Carries input and output until the session ends; answers the command's exit code.
    async fn carry(&mut self, has_terminal: bool) -> Result<u8> {
        let mut resized = signal(SignalKind::window_change()).context("listening for signals")?;
        let mut typed = standard_input();
        let (mut reads, mut is_open) = (false, true);
        let mut tick = tokio::time::interval(TICK);
        loop {
            let takes_input = reads && is_open && self.outgoing.has_room();
            tokio::select! {
                biased;
                frame = self.socket.next() => match frame {
                    Some(Ok(Frame::Binary(bytes))) => {
                        if let Some(reason) = self.take(&bytes, &mut reads, has_terminal).await? {
                            return self.ended(&reason);
                        }
                    }
                    Some(Ok(Frame::Close(_)) | Err(_)) | None => bail!("the session's connection was lost"),
                    Some(Ok(_)) => {}
                },
                () = window(&mut resized), if reads && has_terminal => self.send_size().await?,
                bytes = typed.recv(), if takes_input => {
                    // An empty message is the end of the input.
                    let bytes = bytes.unwrap_or_default();
                    is_open = !bytes.is_empty();
                    self.send(payload::OUTPUT, bytes).await?;
                }
                _ = tick.tick() => if let Some(frame) = self.outgoing.due(now()) {
                    let frame = frame.to_vec();
                    self.socket.send(Frame::binary(frame)).await?;
                },
            }
        }
    }

    fn ended(&self, reason: &str) -> Result<u8> {
        if reason.is_empty() {
            return Ok(self.exit_code.unwrap_or(0));
        }
        eprintln!("longshore: {reason}\r");
        Ok(self.exit_code.unwrap_or(FAILED))
    }

    /// Acts on a message; the reason when it is the last one.
    async fn take(&mut self, bytes: &[u8], reads: &mut bool, has_terminal: bool) -> Result<Option<String>> {
        let Ok(message) = Message::decode(bytes) else { return Ok(None) };
        match message.kind {
            Kind::Acknowledge => {
                if let Ok(told) = serde_json::from_slice::<Acknowledgement>(&message.payload) {
                    self.outgoing.acknowledged(told.sequence, now());
                }
            }
            Kind::ChannelClosed => {
                let closed = serde_json::from_slice::<ChannelClosed>(&message.payload);
                return Ok(Some(closed.map(|closed| closed.output).unwrap_or_default()));
            }
            Kind::OutputStreamData => {
                let told = serde_json::to_vec(&Acknowledgement::of(&message))?;
                let accepted = self.incoming.accept(message);
                if accepted.acknowledge {
                    let answer = built(Kind::Acknowledge, 0, 0, told);
                    self.socket.send(Frame::binary(answer.encode())).await?;
                }
                for message in accepted.ready {
                    self.act(message, reads, has_terminal).await?;
                }
            }
            Kind::InputStreamData | Kind::StartPublication | Kind::PausePublication => {}
        }
        Ok(None)
    }

    async fn act(&mut self, message: Message, reads: &mut bool, has_terminal: bool) -> Result<()> {
        match message.payload_type {
            payload::HANDSHAKE_REQUEST => {
                let answer = HandshakeResponse {
                    client_version: env!("CARGO_PKG_VERSION").into(),
                    processed_client_actions: json!([{ "ActionType": "SessionType", "ActionStatus": 1 }]),
                    errors: None,
                };
                self.send(payload::HANDSHAKE_RESPONSE, serde_json::to_vec(&answer)?).await?;
            }
            payload::HANDSHAKE_COMPLETE => {
                *reads = true;
                if has_terminal {
                    self.send_size().await?;
                }
            }
            payload::OUTPUT => show(std::io::stdout(), &message.payload)?,
            payload::STDERR => show(std::io::stderr(), &message.payload)?,
            payload::EXIT_CODE => {
                self.exit_code = String::from_utf8_lossy(&message.payload).parse().ok();
            }
            _ => {}
        }
        Ok(())
    }

    async fn send_size(&mut self) -> Result<()> {
        match terminal::size() {
            Some(size) => self.send(payload::SIZE, serde_json::to_vec(&size)?).await,
            None => Ok(()),
        }
    }

    async fn send(&mut self, payload_type: u32, bytes: Vec<u8>) -> Result<()> {
        let frame = built(Kind::InputStreamData, self.outgoing.next_sequence(), payload_type, bytes).encode();
        self.outgoing.sent(frame.clone(), now());
        self.socket.send(Frame::binary(frame)).await.context("writing to the session")
    }
}

/// What is typed or piped in. The thread ends with the process: nothing else can wake a read.
fn standard_input() -> mpsc::Receiver<Vec<u8>> {
    let (sender, typed) = mpsc::channel(4);
    std::thread::spawn(move || {
        let mut bytes = [0; CHUNK_BYTES];
        while let Ok(count) = std::io::stdin().read(&mut bytes)
            && count > 0
            && sender.blocking_send(bytes[..count].to_vec()).is_ok()
        {}
    });
    typed
}

fn built(kind: Kind, sequence: i64, payload_type: u32, payload: Vec<u8>) -> Message {
    let mut id = [0; 16];
    SystemIds.fill(&mut id);
    Message { kind, created_at_ms: now(), sequence, flags: 0, id: MessageId(id), payload_type, payload }
}

fn now() -> u64 {
    u64::try_from(clock::now().as_millis()).unwrap_or(0)
}

async fn window(resized: &mut Signal) {
    if resized.recv().await.is_none() {
        std::future::pending().await
    }
}

fn show(mut out: impl Write, bytes: &[u8]) -> Result<()> {
    out.write_all(bytes)?;
    out.flush()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_come_back_as_they_were() {
        let words = ["sh", "-c", "echo \"it's\" $HOME", ""];
        let line: Vec<String> = words.iter().map(|word| quoted(word)).collect();
        assert_eq!(services::exec::split_words(&line.join(" ")).unwrap(), words);
    }
}
