//! Two connections joined: what comes from one goes to the other, until both are done or nothing moves.
//!
//! Plain TCP waits without a buffer of its own: one a thread is borrowed when there is something to read, so that
//! an idle connection costs next to nothing.

use std::cell::RefCell;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::time::Instant;

const BUFFER_BYTES: usize = 64 << 10;
/// The buffer of a connection whose bytes cannot be borrowed (TLS).
const OWN_BUFFER_BYTES: usize = 8 << 10;

thread_local! {
    static BUFFER: RefCell<Box<[u8]>> = RefCell::new(vec![0; BUFFER_BYTES].into());
}

/// When anything last moved.
struct Moved {
    begun: Instant,
    last_ms: AtomicU64,
}

impl Moved {
    fn new() -> Moved {
        Moved { begun: Instant::now(), last_ms: AtomicU64::new(0) }
    }

    fn touch(&self) {
        let now = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last_ms.store(now, Ordering::Relaxed);
    }

    /// Ends when nothing has moved for `idle`.
    async fn idle(&self, idle: Duration) {
        loop {
            let deadline = self.begun + Duration::from_millis(self.last_ms.load(Ordering::Relaxed)) + idle;
            if deadline <= Instant::now() {
                return;
            }
            tokio::time::sleep_until(deadline).await;
        }
    }
}

/// Joins two TCP connections.
pub async fn splice_tcp(mut one: TcpStream, mut other: TcpStream, idle: Duration) {
    let moved = Moved::new();
    let (mut one, mut other) = (one.split(), other.split());
    let both = async {
        // A failed direction means that the connection is gone: the other need not wait.
        let up = pump_tcp(&one.0, &mut other.1, &moved);
        let down = pump_tcp(&other.0, &mut one.1, &moved);
        tokio::try_join!(up, down)
    };
    tokio::select! {
        biased;
        _ = both => {}
        () = moved.idle(idle) => {}
    }
}

/// Joins any two connections.
pub async fn splice<A, B>(one: A, other: B, idle: Duration)
where
    A: AsyncRead + AsyncWrite + Unpin,
    B: AsyncRead + AsyncWrite + Unpin,
{
    let moved = Moved::new();
    let (one, other) = (tokio::io::split(one), tokio::io::split(other));
    let both = async { tokio::try_join!(pump(one.0, other.1, &moved), pump(other.0, one.1, &moved)) };
    tokio::select! {
        biased;
        _ = both => {}
        () = moved.idle(idle) => {}
    }
}

async fn pump_tcp(from: &ReadHalf<'_>, to: &mut WriteHalf<'_>, moved: &Moved) -> io::Result<()> {
    loop {
        from.readable().await?;
        match BUFFER.with_borrow_mut(|buffer| pass(from, to, buffer)) {
            Ok(Passed::End) => return to.shutdown().await,
            Ok(Passed::All) => moved.touch(),
            Ok(Passed::Rest(rest)) => {
                moved.touch();
                to.write_all(&rest).await?;
                moved.touch();
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
}

enum Passed {
    All,
    Rest(Vec<u8>),
    End,
}

/// Reads once and writes at once what the other side takes.
fn pass(from: &ReadHalf<'_>, to: &WriteHalf<'_>, buffer: &mut [u8]) -> io::Result<Passed> {
    let count = from.try_read(buffer)?;
    if count == 0 {
        return Ok(Passed::End);
    }
    let written = match to.try_write(&buffer[..count]) {
        Ok(written) => written,
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
        Err(error) => return Err(error),
    };
    if written == count { Ok(Passed::All) } else { Ok(Passed::Rest(buffer[written..count].to_vec())) }
}

async fn pump<R, W>(mut from: R, mut to: W, moved: &Moved) -> io::Result<()>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let mut buffer = vec![0; OWN_BUFFER_BYTES];
    loop {
        let count = from.read(&mut buffer).await?;
        moved.touch();
        if count == 0 {
            return to.shutdown().await;
        }
        to.write_all(&buffer[..count]).await?;
        to.flush().await?;
        moved.touch();
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    async fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (one, other) = tokio::join!(TcpStream::connect(address), listener.accept());
        (one.unwrap(), other.unwrap().0)
    }

    #[tokio::test]
    async fn bytes_and_ends_pass_both_ways() {
        let ((mut client, near), (far, mut target)) = (pair().await, pair().await);
        let joined = tokio::spawn(splice_tcp(near, far, Duration::from_secs(60)));
        let sent: Vec<u8> = (0..3_000_000u32).map(|at| at.to_le_bytes()[0]).collect();
        let expected = sent.clone();
        let (_, got) = tokio::join!(
            async {
                client.write_all(&sent).await.unwrap();
                client.shutdown().await.unwrap();
            },
            async {
                let mut got = Vec::new();
                target.read_to_end(&mut got).await.unwrap();
                got
            }
        );
        assert!(got == expected);
        target.write_all(b"answer").await.unwrap();
        drop(target);
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        assert_eq!(answer, "answer");
        joined.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn silence_ends_a_connection() {
        let (one, other) = (tokio::io::duplex(64), tokio::io::duplex(64));
        let begun = Instant::now();
        let ((mut client, near), (far, _target)) = (one, other);
        let joined = tokio::spawn(splice(near, far, Duration::from_secs(60)));
        tokio::time::sleep(Duration::from_secs(30)).await;
        client.write_all(b"x").await.unwrap();
        joined.await.unwrap();
        assert_eq!(begun.elapsed().as_secs(), 90);
    }
}
