//! What payloads say, as JSON; and the text frame with which a client opens a channel.

use serde::{Deserialize, Serialize};

use super::message::{Kind, Message};

/// The first frame of a client, in text: who it is, and its token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct OpenDataChannel {
    /// `1.0`.
    #[serde(default)]
    pub message_schema_version: String,
    /// A UUID.
    #[serde(default)]
    pub request_id: String,
    /// The token of the session.
    pub token_value: String,
    /// A UUID that stays when the client comes back.
    #[serde(default)]
    pub client_id: String,
    /// The client's version.
    #[serde(default)]
    pub client_version: String,
    /// Longshore's addition: false asks for a command without a terminal, whose standard error and exit
    /// code come apart from its output. AWS's clients do not say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terminal: Option<bool>,
}

/// That a message has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acknowledgement {
    /// Its kind.
    #[serde(rename = "AcknowledgedMessageType")]
    pub message_type: String,
    /// Its id.
    #[serde(rename = "AcknowledgedMessageId")]
    pub message_id: String,
    /// Its place.
    #[serde(rename = "AcknowledgedMessageSequenceNumber")]
    pub sequence: i64,
    /// Whether it belongs to a sequence.
    #[serde(rename = "IsSequentialMessage", default)]
    pub is_sequential: bool,
}

impl Acknowledgement {
    /// Of `message`.
    pub fn of(message: &Message) -> Self {
        Acknowledgement {
            message_type: message.kind.name().to_owned(),
            message_id: message.id.to_string(),
            sequence: message.sequence,
            is_sequential: true,
        }
    }
}

/// A terminal's size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Size {
    /// Columns.
    pub cols: u32,
    /// Rows.
    pub rows: u32,
}

/// What the other side is asked to do before the stream begins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct HandshakeRequest {
    /// The SSM agent's version: plugins look at it.
    pub agent_version: String,
    /// What is asked.
    pub requested_client_actions: Vec<HandshakeAction>,
}

/// One thing asked in a handshake.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct HandshakeAction {
    /// `SessionType` or `KMSEncryption`.
    pub action_type: String,
    /// Its parameters.
    pub action_parameters: serde_json::Value,
}

/// The answer to a handshake.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct HandshakeResponse {
    /// The client's version.
    pub client_version: String,
    /// What it made of what was asked.
    pub processed_client_actions: serde_json::Value,
    /// What it did not do.
    pub errors: Option<Vec<String>>,
}

/// The handshake's end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct HandshakeComplete {
    /// Nanoseconds.
    pub handshake_time_to_complete: u64,
    /// Shown to the user.
    pub customer_message: String,
}

/// The session's end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ChannelClosed {
    /// A UUID.
    pub message_id: String,
    /// Epoch milliseconds.
    pub created_date: String,
    /// The client.
    pub destination_id: String,
    /// The session.
    pub session_id: String,
    /// `channel_closed`.
    pub message_type: String,
    /// 1.
    pub schema_version: u32,
    /// Why, when it is not the command's own end.
    pub output: String,
}

impl ChannelClosed {
    /// The end of a session.
    pub fn new(session_id: &str, message_id: &str, created_at_ms: u64, output: &str) -> Self {
        ChannelClosed {
            message_id: message_id.to_owned(),
            created_date: created_at_ms.to_string(),
            destination_id: String::new(),
            session_id: session_id.to_owned(),
            message_type: Kind::ChannelClosed.name().to_owned(),
            schema_version: 1,
            output: output.to_owned(),
        }
    }
}

/// A wish about the session, in the four bytes of a flag's payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flag {
    /// Of port sessions.
    DisconnectToPort,
    /// End it.
    TerminateSession,
    /// Of port sessions.
    ConnectToPortError,
}

impl Flag {
    /// Reads a payload.
    pub fn read(payload: &[u8]) -> Option<Flag> {
        match u32::from_be_bytes(payload.try_into().ok()?) {
            1 => Some(Flag::DisconnectToPort),
            2 => Some(Flag::TerminateSession),
            3 => Some(Flag::ConnectToPortError),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contents_have_the_plugins_names() {
        let opened: OpenDataChannel = serde_json::from_str(
            r#"{"MessageSchemaVersion":"1.0","RequestId":"r","TokenValue":"t","ClientId":"c","ClientVersion":"1.2.0.0"}"#,
        )
        .unwrap();
        assert_eq!((opened.token_value.as_str(), opened.terminal), ("t", None));
        let request = HandshakeRequest {
            agent_version: "3.1.0.0".into(),
            requested_client_actions: vec![HandshakeAction {
                action_type: "SessionType".into(),
                action_parameters: serde_json::json!({ "SessionType": "Standard_Stream" }),
            }],
        };
        assert_eq!(
            serde_json::to_string(&request).unwrap(),
            r#"{"AgentVersion":"3.1.0.0","RequestedClientActions":[{"ActionType":"SessionType","ActionParameters":{"SessionType":"Standard_Stream"}}]}"#
        );
        let closed = serde_json::to_value(ChannelClosed::new("s", "m", 5, "why")).unwrap();
        assert_eq!((&closed["SessionId"], &closed["Output"]), (&"s".into(), &"why".into()));
        assert_eq!(Flag::read(&[0, 0, 0, 2]), Some(Flag::TerminateSession));
        assert_eq!(Flag::read(&[2]), None);
    }

    #[test]
    fn an_answer_without_errors_is_read() {
        let read: HandshakeResponse =
            serde_json::from_str(r#"{"ClientVersion":"1","ProcessedClientActions":[],"Errors":null}"#)
                .unwrap();
        assert_eq!(read.errors, None);
    }
}
