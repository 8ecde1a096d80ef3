//! Health checks: one loop a target, as long as the routes want it.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Version, header};
use http_body_util::BodyExt as _;
use http_body_util::Limited;
use rustls::ClientConfig;
use tokio::io::AsyncWriteExt as _;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout};
use wire::link::{Matcher, ProtocolVersion, TargetHealthCheck, TargetProtocol};

use crate::group::{Group, Outcome, Target};
use crate::http::{ConnectError, Upload, dial, handshake};
use crate::net;
use crate::table::Table;

/// How ELB names its checks.
const AGENT: &str = "ELB-HealthChecker/2.0";
/// A gRPC message without content: not compressed, no length.
const EMPTY_MESSAGE: &[u8] = &[0; 5];
/// No more of a gRPC answer is read to find its status.
const ANSWER_BYTES: usize = 64 << 10;

/// All running checks.
#[derive(Debug, Default)]
pub struct Checks(HashMap<Key, Loop>);

/// Group, id, address.
type Key = (String, String, SocketAddr);

#[derive(Debug)]
struct Loop {
    plan: Plan,
    running: JoinHandle<()>,
}

#[derive(Clone, Debug, PartialEq)]
struct Plan {
    check: TargetHealthCheck,
    version: ProtocolVersion,
    address: SocketAddr,
    /// Whether targets read a header of PROXY protocol first.
    proxy_protocol: bool,
    /// Whether connections end when the target turns unhealthy.
    cuts: bool,
}

impl Drop for Loop {
    fn drop(&mut self) {
        self.running.abort();
    }
}

impl Checks {
    /// Checks what the table has, and nothing else. A running check whose settings stay goes on undisturbed.
    pub fn update(&mut self, table: &Table, tls: &Arc<ClientConfig>) {
        let mut old = std::mem::take(&mut self.0);
        for (arn, group) in &table.groups {
            for target in group.targets.iter().filter(|target| !target.is_draining()) {
                let Some(plan) = plan(group, target) else { continue };
                let key = (arn.clone(), target.id.clone(), target.address);
                let kept = old.remove(&key).filter(|known| known.plan == plan);
                let running = kept.unwrap_or_else(|| Loop {
                    running: tokio::spawn(repeat(plan.clone(), target.clone(), tls.clone())),
                    plan,
                });
                self.0.insert(key, running);
            }
        }
    }

    /// Stops them all.
    pub fn stop(&mut self) {
        self.0.clear();
    }
}

fn plan(group: &Group, target: &Target) -> Option<Plan> {
    let check = group.route.health_check.clone()?;
    let port = check.port.unwrap_or(target.address.port());
    let address = SocketAddr::new(target.address.ip(), port);
    Some(Plan {
        check,
        version: group.route.protocol_version,
        address,
        proxy_protocol: group.route.proxy_protocol,
        cuts: group.route.unhealthy_termination,
    })
}

async fn repeat(plan: Plan, target: Arc<Target>, tls: Arc<ClientConfig>) {
    let interval = Duration::from_secs(plan.check.interval_seconds.max(1).into());
    let patience = Duration::from_secs(plan.check.timeout_seconds.max(1).into());
    loop {
        let begun = Instant::now();
        let outcome = timeout(patience, probe(&plan, patience, &tls)).await.unwrap_or(Outcome::TimedOut);
        if target.observe(&plan.check, outcome) && plan.cuts {
            target.cut();
        }
        sleep_until(begun + interval).await;
    }
}

async fn probe(plan: &Plan, patience: Duration, tls: &Arc<ClientConfig>) -> Outcome {
    match attempt(plan, patience, tls).await {
        Ok(outcome) => outcome,
        Err(ConnectError::TimedOut(_)) => Outcome::TimedOut,
        Err(ConnectError::Connect(..) | ConnectError::Handshake(..)) => Outcome::Failed,
    }
}

async fn attempt(plan: &Plan, patience: Duration, tls: &Arc<ClientConfig>) -> Result<Outcome, ConnectError> {
    let mut stream = dial(plan.address, patience, None).await?;
    if plan.proxy_protocol {
        let sent = stream.write_all(&net::LOCAL).await;
        sent.map_err(|error| ConnectError::Connect(plan.address, error))?;
    }
    let protocol = plan.check.protocol;
    match protocol {
        TargetProtocol::Tcp | TargetProtocol::Tls => return Ok(Outcome::Success),
        TargetProtocol::Http | TargetProtocol::Https => {}
    }
    let mut sender = handshake(stream, plan.address, protocol, plan.version, tls).await?;
    let Ok(request) = request(plan) else { return Ok(Outcome::Failed) };
    let Ok(answer) = sender.send(request).await else { return Ok(Outcome::Failed) };
    Ok(match &plan.check.matcher {
        Matcher::Http(wanted) => judge(answer.status().as_u16(), wanted),
        Matcher::Grpc(wanted) => {
            let at_once = grpc_status(answer.headers());
            let status = match at_once {
                Some(status) => Some(status),
                None => match Limited::new(answer.into_body(), ANSWER_BYTES).collect().await {
                    Ok(body) => body.trailers().and_then(grpc_status),
                    Err(_) => None,
                },
            };
            status.map_or(Outcome::Failed, |status| judge(status, wanted))
        }
    })
}

fn judge(code: u16, wanted: &[(u16, u16)]) -> Outcome {
    let fits = wanted.iter().any(|(first, last)| (*first..=*last).contains(&code));
    if fits { Outcome::Success } else { Outcome::Mismatch(code) }
}

fn grpc_status(headers: &HeaderMap) -> Option<u16> {
    headers.get("grpc-status")?.to_str().ok()?.parse().ok()
}

fn request(plan: &Plan) -> Result<Request<Upload>, http::Error> {
    let path = if plan.check.path.is_empty() { "/" } else { &plan.check.path };
    let builder = Request::builder().header(header::USER_AGENT, AGENT);
    match plan.version {
        ProtocolVersion::Http1 => builder
            .uri(path)
            .header(header::HOST, plan.address.to_string())
            .header(header::CONNECTION, "close")
            .body(Upload::Own(None)),
        ProtocolVersion::Http2 => builder
            .version(Version::HTTP_2)
            .uri(format!("http://{}{path}", plan.address))
            .body(Upload::Own(None)),
        ProtocolVersion::Grpc => builder
            .version(Version::HTTP_2)
            .method("POST")
            .uri(format!("http://{}{path}", plan.address))
            .header(header::CONTENT_TYPE, "application/grpc")
            .header(header::TE, "trailers")
            .body(Upload::Own(Some(Bytes::from_static(EMPTY_MESSAGE)))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_judged_by_their_ranges() {
        assert_eq!(judge(200, &[(200, 200)]), Outcome::Success);
        assert_eq!(judge(302, &[(200, 200), (300, 399)]), Outcome::Success);
        assert_eq!(judge(500, &[(200, 499)]), Outcome::Mismatch(500));
    }
}
