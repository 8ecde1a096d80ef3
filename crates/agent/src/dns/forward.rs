//! Questions for names that are none of ours: passed to the node's own resolvers as they came.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};

use super::resolver::Transport;

/// How long one resolver may take; resolvers of containers give up after five seconds.
const PATIENCE: Duration = Duration::from_secs(2);
/// Resolvers that are tried: as many as the C library reads.
const SERVER_LIMIT: usize = 3;
/// The longest answer.
const ANSWER_LIMIT: usize = 65_535;
const PORT: u16 = 53;

/// Asks one resolver after the other; `None` when none answers.
pub async fn forward(question: &[u8], transport: Transport) -> Option<Vec<u8>> {
    // Read each time: a laptop changes its network while tasks run.
    let text = tokio::fs::read_to_string("/etc/resolv.conf").await.unwrap_or_default();
    for server in servers(&text) {
        let asked = async {
            match transport {
                Transport::Datagram => ask_datagram(server, question).await,
                Transport::Stream => ask_stream(server, question).await,
            }
        };
        match tokio::time::timeout(PATIENCE, asked).await {
            Ok(Ok(answer)) => return Some(answer),
            Ok(Err(error)) => tracing::debug!(%server, %error, "asking a resolver of the node"),
            Err(_elapsed) => tracing::debug!(%server, "a resolver of the node did not answer in time"),
        }
    }
    None
}

/// The resolvers that a resolv.conf names.
fn servers(text: &str) -> Vec<SocketAddr> {
    let named = text.lines().filter_map(|line| line.trim().strip_prefix("nameserver"));
    let addresses = named.filter_map(|rest| rest.trim().parse::<IpAddr>().ok());
    addresses.take(SERVER_LIMIT).map(|address| SocketAddr::new(address, PORT)).collect()
}

async fn ask_datagram(server: SocketAddr, question: &[u8]) -> io::Result<Vec<u8>> {
    let any: IpAddr = match server {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    // A socket of its own, whose port nobody can guess, that hears this resolver alone.
    let socket = UdpSocket::bind((any, 0)).await?;
    socket.connect(server).await?;
    socket.send(question).await?;
    let mut buffer = vec![0; ANSWER_LIMIT];
    loop {
        let length = socket.recv(&mut buffer).await?;
        if length >= 2 && buffer[..2] == question[..2] {
            buffer.truncate(length);
            return Ok(buffer);
        }
    }
}

async fn ask_stream(server: SocketAddr, question: &[u8]) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(server).await?;
    let length = u16::try_from(question.len()).map_err(io::Error::other)?;
    stream.write_all(&[&length.to_be_bytes()[..], question].concat()).await?;
    let mut answer = vec![0; usize::from(stream.read_u16().await?)];
    stream.read_exact(&mut answer).await?;
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_resolvers_are_read() {
        let text = "search lan\nnameserver 127.0.0.53\n nameserver 2001:db8::1\nnameserver x\nnameserver 192.0.2.1\n\
                    nameserver 192.0.2.2\n";
        let found: Vec<String> = servers(text).iter().map(ToString::to_string).collect();
        assert_eq!(found, ["127.0.0.53:53", "[2001:db8::1]:53", "192.0.2.1:53"]);
    }
}
