//! Connections that stopped speaking HTTP, such as WebSockets: their bytes pass both ways.

use std::time::Duration;

use bytes::Bytes;
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::body::Loan;
use crate::net::{splice, splice_tcp};
use crate::shared::Open;

/// Joins both sides once both have switched, and holds the flight until the end.
pub fn join(client: OnUpgrade, target: OnUpgrade, loan: Loan, open: Open, idle: Duration) {
    tokio::spawn(async move {
        // The boxes keep what is awaited only at first from living as long as the connection.
        let both = Box::pin(async { tokio::try_join!(client, target) }).await;
        // The connections are ours now; what sent requests on them is of no use.
        let Loan { flight, sender, .. } = loan;
        drop(sender);
        if let Ok((client, target)) = both {
            match (tcp(client), tcp(target)) {
                (Ok((client, first_up)), Ok((target, first_down))) => {
                    carry(client, target, first_up, first_down, idle).await;
                }
                (client, target) => {
                    let (client, target) = (client.map_err(Box::new), target.map_err(Box::new));
                    Box::pin(carry_any(client, target, idle)).await;
                }
            }
        }
        drop((flight, open));
    });
}

type Plain = (TcpStream, Bytes);

/// The bare connection under a switched one, with what was read ahead.
fn tcp(upgraded: Upgraded) -> Result<Plain, Upgraded> {
    let parts = upgraded.downcast::<TokioIo<TcpStream>>()?;
    Ok((parts.io.into_inner(), parts.read_buf))
}

async fn carry(mut client: TcpStream, mut target: TcpStream, up: Bytes, down: Bytes, idle: Duration) {
    if target.write_all(&up).await.is_ok() && client.write_all(&down).await.is_ok() {
        // Even empty ones may hold on to hyper's buffers.
        drop((up, down));
        splice_tcp(client, target, idle).await;
    }
}

async fn carry_any(
    client: Result<Plain, Box<Upgraded>>,
    target: Result<Plain, Box<Upgraded>>,
    idle: Duration,
) {
    match (client, target) {
        (Err(client), Err(target)) => splice(TokioIo::new(*client), TokioIo::new(*target), idle).await,
        (Err(client), Ok((mut target, down))) => {
            let mut client = TokioIo::new(*client);
            if client.write_all(&down).await.is_ok() && target.flush().await.is_ok() {
                splice(client, target, idle).await;
            }
        }
        (Ok((client, up)), Err(target)) => {
            let mut target = TokioIo::new(*target);
            if target.write_all(&up).await.is_ok() {
                splice(client, target, idle).await;
            }
        }
        (Ok((client, up)), Ok((target, down))) => carry(client, target, up, down, idle).await,
    }
}
