//! Adds elements to nftables sets and takes them away, by netlink: a thousandth of what running nft costs, which
//! matters to a task that starts meanwhile.
//!
//! Tables, chains and rules are nft's business (`firewall.rs`, `guard_table.rs`); only elements change with each task.
//! All changes of one call happen, or none.

use std::io;
use std::os::fd::AsRawFd as _;

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, recv, sendto, socket,
};

use super::Error;

const SUBSYSTEM: u16 = 10;
const BATCH_BEGIN: u16 = 16;
const BATCH_END: u16 = 17;
const NEW_ELEMENT: u16 = SUBSYSTEM << 8 | 12;
const DELETE_ELEMENT: u16 = SUBSYSTEM << 8 | 14;
const ERROR: u16 = 2;

const REQUEST: u16 = 1;
const ACKNOWLEDGE: u16 = 4;
const CREATE: u16 = 0x400;

/// Attributes of a message about elements.
const LIST_TABLE: u16 = 1;
const LIST_SET: u16 = 2;
const LIST_ELEMENTS: u16 = 3;
/// An element in its list, its key, its data; a value, a verdict; the code and the chain of a verdict.
const ELEMENT: u16 = 1;
const KEY: u16 = 1;
const DATA: u16 = 2;
const VALUE: u16 = 1;
const VERDICT: u16 = 2;
const CODE: u16 = 1;
const CHAIN: u16 = 2;
const NESTED: u16 = 0x8000;
const GOTO: i32 = -4;

const HEADER: usize = 16;
const INTERFACE_NAME: usize = 16;

/// The family of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Family {
    /// `ip`.
    Ip,
    /// `bridge`.
    Bridge,
}

/// What an element of a map leads to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Leads {
    /// It is of a set.
    Nowhere,
    /// To these bytes.
    To(Vec<u8>),
    /// To a chain.
    Goto(String),
}

/// An element of a set or a map.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Element {
    /// The family of its table.
    pub family: Family,
    /// Its table.
    pub table: String,
    /// Its set.
    pub set: String,
    /// Its key, as the kernel compares it.
    pub key: Vec<u8>,
    /// What it leads to.
    pub leads: Leads,
}

/// A change of one element.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// It is added; one that is there already stays.
    Add(Element),
    /// It is removed; one that is not there fails the whole call.
    Delete(Element),
}

/// An interface and an address as one key: a name fills its sixteen bytes with zeros.
pub fn pair_key(link: &str, address: std::net::Ipv4Addr) -> Vec<u8> {
    let mut key = link.as_bytes().to_vec();
    key.resize(INTERFACE_NAME, 0);
    key.extend(address.octets());
    key
}

/// Makes all changes, or none.
pub async fn apply(changes: Vec<Change>) -> Result<(), Error> {
    if changes.is_empty() {
        return Ok(());
    }
    let subject = changes.first().map(|change| change.element().table.clone()).unwrap_or_default();
    let done = tokio::task::spawn_blocking(move || transact(&encode(&changes)));
    let done = done.await.map_err(io::Error::other).flatten();
    done.map_err(Error::system("changing the sets of the firewall table", subject))
}

impl Change {
    fn element(&self) -> &Element {
        match self {
            Change::Add(element) | Change::Delete(element) => element,
        }
    }
}

/// One transaction: what stands between its beginning and its end.
fn encode(changes: &[Change]) -> Vec<u8> {
    let mut text = Vec::new();
    message(&mut text, BATCH_BEGIN, REQUEST, 0, SUBSYSTEM, &[]);
    for change in changes {
        let element = change.element();
        let (kind, flags) = match change {
            Change::Add(_) => (NEW_ELEMENT, REQUEST | ACKNOWLEDGE | CREATE),
            Change::Delete(_) => (DELETE_ELEMENT, REQUEST | ACKNOWLEDGE),
        };
        let family = match element.family {
            Family::Ip => 2,
            Family::Bridge => 7,
        };
        let body = [
            attribute(LIST_TABLE, &named(&element.table)),
            attribute(LIST_SET, &named(&element.set)),
            attribute(LIST_ELEMENTS | NESTED, &attribute(ELEMENT | NESTED, &content(element))),
        ];
        message(&mut text, kind, flags, family, 0, &body.concat());
    }
    message(&mut text, BATCH_END, REQUEST, 0, SUBSYSTEM, &[]);
    text
}

fn content(element: &Element) -> Vec<u8> {
    let key = attribute(KEY | NESTED, &attribute(VALUE, &element.key));
    let data = match &element.leads {
        Leads::Nowhere => return key,
        Leads::To(bytes) => attribute(VALUE, bytes),
        Leads::Goto(chain) => {
            let verdict = [attribute(CODE, &GOTO.to_be_bytes()), attribute(CHAIN, &named(chain))];
            attribute(VERDICT | NESTED, &verdict.concat())
        }
    };
    [key, attribute(DATA | NESTED, &data)].concat()
}

fn named(name: &str) -> Vec<u8> {
    [name.as_bytes(), &[0]].concat()
}

fn message(out: &mut Vec<u8>, kind: u16, flags: u16, family: u8, resource: u16, body: &[u8]) {
    let length = u32::try_from(HEADER + 4 + body.len()).expect("an element is short");
    // Each message has the same number: what matters is whether any of them was refused.
    out.extend(length.to_ne_bytes());
    out.extend(kind.to_ne_bytes());
    out.extend(flags.to_ne_bytes());
    out.extend(1u32.to_ne_bytes());
    out.extend(0u32.to_ne_bytes());
    out.extend([family, 0]);
    out.extend(resource.to_be_bytes());
    out.extend(body);
}

/// An attribute, filled up to a multiple of four bytes.
fn attribute(kind: u16, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(4 + payload.len()).expect("an attribute is short");
    let mut out = [&length.to_ne_bytes()[..], &kind.to_ne_bytes()[..], payload].concat();
    out.resize(out.len().next_multiple_of(4), 0);
    out
}

/// Sends a transaction and reads what the kernel says of it. It has answered by the time that sending returns.
fn transact(transaction: &[u8]) -> io::Result<()> {
    let socket = socket(
        AddressFamily::Netlink,
        SockType::Raw,
        SockFlag::SOCK_CLOEXEC,
        SockProtocol::NetlinkNetFilter,
    )?;
    sendto(socket.as_raw_fd(), transaction, &NetlinkAddr::new(0, 0), MsgFlags::empty())?;
    let mut buffer = vec![0; 64 << 10];
    let mut is_acknowledged = false;
    loop {
        let length = match recv(socket.as_raw_fd(), &mut buffer, MsgFlags::MSG_DONTWAIT) {
            Ok(length) => length,
            Err(Errno::EAGAIN) if is_acknowledged => return Ok(()),
            Err(Errno::EAGAIN) => return Err(io::Error::other("the kernel did not answer")),
            Err(error) => return Err(error.into()),
        };
        for answer in answers(&buffer[..length]) {
            match answer {
                0 => is_acknowledged = true,
                errno => return Err(io::Error::from_raw_os_error(errno)),
            }
        }
    }
}

/// The error numbers of the acknowledgements in a datagram; 0 is success.
fn answers(mut datagram: &[u8]) -> Vec<i32> {
    let mut found = Vec::new();
    while let Some((header, _)) = datagram.split_at_checked(HEADER) {
        let length = u32::from_ne_bytes([header[0], header[1], header[2], header[3]]) as usize;
        if length < HEADER || length > datagram.len() {
            break;
        }
        let kind = u16::from_ne_bytes([header[4], header[5]]);
        if let (ERROR, Some(code)) = (kind, datagram[HEADER..length].first_chunk::<4>()) {
            found.push(-i32::from_ne_bytes(*code));
        }
        datagram = &datagram[length.next_multiple_of(4).min(datagram.len())..];
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn element(leads: Leads) -> Element {
        Element { family: Family::Ip, table: "t".into(), set: "s".into(), key: vec![10, 0, 0, 4], leads }
    }

    #[test]
    fn a_transaction_has_a_beginning_and_an_end() {
        let text = encode(&[Change::Add(element(Leads::Nowhere))]);
        let (begin, end) = (&text[..20], &text[text.len() - 20..]);
        assert_eq!((u16::from_ne_bytes([begin[4], begin[5]]), &begin[18..]), (BATCH_BEGIN, &[0, 10][..]));
        assert_eq!((u16::from_ne_bytes([end[4], end[5]]), &end[18..]), (BATCH_END, &[0, 10][..]));
    }

    #[test]
    fn a_verdict_names_its_chain() {
        let text = content(&element(Leads::Goto("to_1".into())));
        assert!(text.windows(5).any(|bytes| bytes == b"to_1\0"));
        assert!(text.windows(4).any(|bytes| bytes == [0xff, 0xff, 0xff, 0xfc]));
    }

    #[test]
    fn a_name_fills_its_place_in_a_key() {
        let key = pair_key("ls0a1b2v0000001", std::net::Ipv4Addr::new(10, 0, 0, 4));
        assert_eq!((key.len(), key[15], &key[16..]), (20, 0, &[10, 0, 0, 4][..]));
    }

    #[test]
    fn refusals_are_read() {
        let mut datagram = Vec::new();
        for code in [0i32, -2] {
            datagram.extend(36u32.to_ne_bytes());
            datagram.extend(ERROR.to_ne_bytes());
            datagram.extend([0; 10]);
            datagram.extend(code.to_ne_bytes());
            datagram.extend([0; 16]);
        }
        assert_eq!(answers(&datagram), [0, 2]);
        assert!(answers(&datagram[..7]).is_empty());
    }
}
