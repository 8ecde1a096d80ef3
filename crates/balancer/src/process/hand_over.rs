//! Listening sockets on their way from one process to its successor.
//!
//! The sockets themselves travel, not their addresses: connections that wait in them wait on, and at no moment
//! does nobody listen.

use std::collections::BTreeMap;
use std::io::{self, IoSlice, IoSliceMut, Write as _};
use std::net::TcpListener;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use nix::sys::socket::{ControlMessage, ControlMessageOwned, MsgFlags, recvmsg, sendmsg};
use wire::link::{BalancerMessage, RoutesMessage};

use super::frame;
use crate::place::Place;

/// Descriptors in one message; Linux allows 253.
const AT_ONCE: usize = 200;
/// A predecessor that takes longer is stuck.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a predecessor gave.
#[derive(Debug)]
pub struct Taken {
    /// Its sockets.
    pub sockets: BTreeMap<Place, TcpListener>,
    /// It lives no longer than this stays open.
    pub predecessor: UnixStream,
}

/// Takes the sockets of the process that listens at `path`; `None` without one that answers.
pub fn take(path: &Path) -> io::Result<Option<Taken>> {
    let Ok(mut stream) = UnixStream::connect(path) else { return Ok(None) };
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(&frame::encode(&RoutesMessage::HandOver)?)?;
    let addresses = loop {
        match frame::read_blocking::<BalancerMessage>(&mut stream)? {
            BalancerMessage::Sockets(addresses) => break addresses,
            BalancerMessage::Hello(_) | BalancerMessage::Report(_) | BalancerMessage::Access(_) => {}
        }
    };
    let mut sockets = BTreeMap::new();
    for addresses in addresses.chunks(AT_ONCE) {
        for (address, fd) in addresses.iter().zip(receive(&stream)?) {
            if let Ok(address) = address.parse() {
                sockets.insert(address, TcpListener::from(fd));
            }
        }
    }
    Ok(Some(Taken { sockets, predecessor: stream }))
}

/// Gives sockets to a successor.
pub fn give<'a>(
    stream: &mut UnixStream,
    sockets: impl Iterator<Item = (Place, BorrowedFd<'a>)>,
) -> io::Result<()> {
    stream.set_write_timeout(Some(PATIENCE))?;
    let (addresses, fds): (Vec<_>, Vec<_>) =
        sockets.map(|(address, fd)| (address.to_string(), fd.as_raw_fd())).unzip();
    stream.write_all(&frame::encode(&BalancerMessage::Sockets(addresses))?)?;
    for fds in fds.chunks(AT_ONCE) {
        let message = [ControlMessage::ScmRights(fds)];
        sendmsg::<()>(stream.as_raw_fd(), &[IoSlice::new(&[0])], &message, MsgFlags::empty(), None)?;
    }
    Ok(())
}

fn receive(stream: &UnixStream) -> io::Result<Vec<OwnedFd>> {
    let mut byte = [0];
    let mut parts = [IoSliceMut::new(&mut byte)];
    let mut space = nix::cmsg_space!([std::os::fd::RawFd; AT_ONCE]);
    let flags = MsgFlags::MSG_CMSG_CLOEXEC;
    let message = recvmsg::<()>(stream.as_raw_fd(), &mut parts, Some(&mut space), flags)?;
    let mut received = Vec::new();
    for part in message.cmsgs()? {
        if let ControlMessageOwned::ScmRights(fds) = part {
            // SAFETY: the kernel made these descriptors for this process just now, and nobody else knows them.
            received.extend(fds.into_iter().map(|fd| unsafe { OwnedFd::from_raw_fd(fd) }));
        }
    }
    if received.is_empty() {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the predecessor went away"));
    }
    Ok(received)
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;

    use super::*;

    #[test]
    fn a_socket_listens_on_in_other_hands() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (mut from, to) = UnixStream::pair().unwrap();
        give(&mut from, [(address.into(), listener.as_fd())].into_iter()).unwrap();
        let client = std::net::TcpStream::connect(address).unwrap();
        drop(listener);
        let mut to_read = to.try_clone().unwrap();
        let message: BalancerMessage = frame::read_blocking(&mut to_read).unwrap();
        assert_eq!(message, BalancerMessage::Sockets(vec![address.to_string()]));
        let listener = TcpListener::from(receive(&to).unwrap().remove(0));
        let (_, peer) = listener.accept().unwrap();
        assert_eq!(peer, client.local_addr().unwrap());
    }
}
