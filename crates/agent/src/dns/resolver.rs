//! One question: is it ours, what does the control plane say, and who answers otherwise.

use std::sync::Arc;
use std::time::{Duration, Instant};

use hickory_proto::op::{Message, MessageType, OpCode, ResponseCode};
use wire::link::{Resolution, Uplink};

use super::answer;
use super::cache::Cache;
use super::forward::forward;

/// How long the control plane may take. A name that it alone knows is then not answered at all, rather than wrongly.
const PATIENCE: Duration = Duration::from_secs(2);
/// Shorter than any DNS message.
const HEADER: usize = 12;

/// How a question came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// Over UDP: a long answer is cut, and asked for again over TCP.
    Datagram,
    /// Over TCP.
    Stream,
}

/// Answers the questions of all tasks.
pub struct Resolver {
    uplink: Arc<dyn Uplink>,
    cache: Cache,
}

impl Resolver {
    /// A resolver that asks `uplink`.
    pub fn new(uplink: Arc<dyn Uplink>) -> Arc<Resolver> {
        Arc::new(Resolver { uplink, cache: Cache::default() })
    }

    /// The answer to a question of a task; `None` to what is no question.
    pub async fn answer(&self, task: &str, question: &[u8], transport: Transport) -> Option<Vec<u8>> {
        if question.len() < HEADER {
            return None;
        }
        let Ok(message) = Message::from_vec(question) else {
            let id = u16::from_be_bytes([question[0], question[1]]);
            return Message::error_msg(id, OpCode::Query, ResponseCode::FormErr).to_vec().ok();
        };
        if message.metadata.message_type != MessageType::Query {
            return None;
        }
        let ([query], OpCode::Query) = (&message.queries[..], message.metadata.op_code) else {
            return answer::refusal(&message, ResponseCode::NotImp);
        };
        let name = query.name().to_lowercase().to_ascii();
        let resolution = self.resolve(task, name.trim_end_matches('.')).await;
        match resolution {
            Some(Resolution::Elsewhere) => match forward(question, transport).await {
                Some(answer) => Some(answer),
                None => answer::refusal(&message, ResponseCode::ServFail),
            },
            Some(Resolution::Nothing) => answer::refusal(&message, ResponseCode::NXDomain),
            Some(Resolution::Refused) => answer::refusal(&message, ResponseCode::Refused),
            Some(Resolution::Records(records)) => answer::records(&message, &records, transport),
            None => answer::refusal(&message, ResponseCode::ServFail),
        }
    }

    async fn resolve(&self, task: &str, name: &str) -> Option<Resolution> {
        let now = Instant::now();
        if let Some(kept) = self.cache.get(task, name, now) {
            return Some(kept);
        }
        let asked = self.uplink.resolve(task.to_owned(), name.to_owned());
        match tokio::time::timeout(PATIENCE, asked).await {
            Ok(Ok(resolution)) => {
                self.cache.put(task, name, &resolution, now);
                Some(resolution)
            }
            Ok(Err(error)) => {
                tracing::warn!(%error, name, "the control plane does not resolve");
                None
            }
            Err(_elapsed) => None,
        }
    }
}
