//! A client of the API: signed JSON requests, each on a connection of its own.

use anyhow::{Context, Result, bail};
use auth::AccessKey;
use auth::sigv4::{Message, Signer, sign};
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;
use wire::ServiceModel;

use super::ProfileOptions;
use crate::clock;
use crate::profile::Files;

/// One Longshore, as one profile knows it.
#[derive(Debug)]
pub(super) struct Api {
    /// `host:port`.
    pub(super) authority: String,
    region: String,
    key: AccessKey,
}

impl Api {
    /// The API that a profile points to.
    pub(super) fn of(options: &ProfileOptions) -> Result<Api> {
        let read = Files::find()?.read(&options.profile)?;
        let authority =
            read.endpoint.strip_prefix("http://").map(|rest| rest.trim_end_matches('/').to_owned());
        let authority = authority.with_context(|| {
            format!("the profile {} points to {}: only plain HTTP is spoken", options.profile, read.endpoint)
        })?;
        Ok(Api { authority, region: read.region, key: read.key })
    }

    /// Calls an operation.
    pub(super) async fn call(&self, service: &ServiceModel, operation: &str, input: Value) -> Result<Value> {
        let target = format!("{}.{operation}", service.target_prefix.unwrap_or_default());
        let (body, now) = (input.to_string(), clock::now());
        let stamp = jiff::Timestamp::from_millisecond(now.as_millis())?;
        let stamp = stamp.strftime("%Y%m%dT%H%M%SZ").to_string();
        let headers = [
            ("content-type", "application/x-amz-json-1.1"),
            ("host", self.authority.as_str()),
            ("x-amz-date", stamp.as_str()),
            ("x-amz-target", target.as_str()),
        ];
        let message = Message { method: "POST", path: "/", query: "", headers: &headers };
        let (region, service) = (self.region.clone(), service.signing_name.to_owned());
        let signer = Signer { key: self.key.clone(), region, service };
        let authorization = sign(&signer, &message, body.as_bytes(), now);
        let mut request = Request::post("/").header("authorization", authorization);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let request = request.body(Full::new(bytes::Bytes::from(body)))?;
        let stream = TcpStream::connect(&self.authority)
            .await
            .with_context(|| format!("connecting to {}: is 'longshore up' running?", self.authority))?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        let serving = tokio::spawn(connection);
        let response = sender.send_request(request).await.context("asking")?;
        let status = response.status();
        let answer = response.into_body().collect().await.context("reading the answer")?.to_bytes();
        serving.abort();
        let answer: Value = serde_json::from_slice(&answer).unwrap_or_default();
        if status.is_success() {
            return Ok(answer);
        }
        let text = |name: &str| answer[name].as_str().unwrap_or_default().to_owned();
        let code = text("__type");
        let said = if answer["message"].is_string() { text("message") } else { text("Message") };
        bail!("{operation}: {said} ({})", if code.is_empty() { status.to_string() } else { code })
    }

    /// Calls a listing operation until its last page; answers all items of the member `items`.
    pub(super) async fn list(
        &self,
        service: &ServiceModel,
        operation: &str,
        mut input: Value,
        items: &str,
    ) -> Result<Vec<Value>> {
        let mut all = Vec::new();
        loop {
            let page = self.call(service, operation, input.clone()).await?;
            all.extend(page[items].as_array().cloned().unwrap_or_default());
            match page["nextToken"].as_str() {
                Some(token) if !token.is_empty() => input["nextToken"] = token.into(),
                Some(_) | None => return Ok(all),
            }
        }
    }
}
