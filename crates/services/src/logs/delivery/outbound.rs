//! What the log service sends out: posts to endpoints, and the wish for exports.

use std::sync::{Once, OnceLock};
use std::time::Duration;

use model::Timestamp;
use model::logs::Destination;
use reqwest::Client;
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE};
use reqwest::redirect::Policy;
use tokio::sync::Notify;

use super::{Failure, message};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A post that takes longer has failed.
const POST_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a test message may take.
const TEST_TIMEOUT: Duration = Duration::from_secs(10);

static PROVIDER: Once = Once::new();

/// The way out of the log service.
#[derive(Debug, Default)]
pub struct Outbound {
    client: OnceLock<Client>,
    exports: Notify,
}

impl Outbound {
    /// Says that there is an export to be made.
    pub(crate) fn wish_export(&self) {
        self.exports.notify_one();
    }

    /// Waits until there may be an export to be made.
    pub async fn export_is_wished(&self) {
        self.exports.notified().await;
    }

    /// Finds out whether a destination takes messages.
    pub(crate) async fn test(&self, destination: &Destination, now: Timestamp) -> Result<(), Failure> {
        match destination {
            Destination::Endpoint(url) => self.send(url, message::control(now), TEST_TIMEOUT).await,
            Destination::Group(_) => Ok(()),
        }
    }

    /// Posts a packed message.
    pub(super) async fn post(&self, url: &str, body: Vec<u8>) -> Result<(), Failure> {
        self.send(url, body, POST_TIMEOUT).await
    }

    async fn send(&self, url: &str, body: Vec<u8>, timeout: Duration) -> Result<(), Failure> {
        let request = self.client().post(url).timeout(timeout).header(CONTENT_TYPE, "application/json");
        let answer = request.header(CONTENT_ENCODING, "gzip").body(body).send().await;
        let status = answer.map_err(Failure::Unreachable)?.status();
        if status.is_success() { Ok(()) } else { Err(Failure::Refused(status.as_u16())) }
    }

    fn client(&self) -> &Client {
        self.client.get_or_init(|| {
            PROVIDER.call_once(|| drop(rustls::crypto::ring::default_provider().install_default()));
            // A redirection would send events to where the filter does not say.
            let client = Client::builder().connect_timeout(CONNECT_TIMEOUT).redirect(Policy::none());
            client.user_agent("longshore").build().expect("the TLS provider is installed")
        })
    }
}
