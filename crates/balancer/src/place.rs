//! Where a socket listens: an address of the node's own network, or of a task's.

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;
use std::sync::Arc;

/// An address, and the task in whose network it is. As text `127.0.0.1:80` or `127.255.0.1:15000@TASK`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The task; none for the node itself.
    pub task: Option<Arc<str>>,
    /// The address.
    pub address: SocketAddr,
}

impl From<SocketAddr> for Place {
    fn from(address: SocketAddr) -> Place {
        Place { task: None, address }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.task {
            Some(task) => write!(f, "{}@{task}", self.address),
            None => write!(f, "{}", self.address),
        }
    }
}

impl FromStr for Place {
    type Err = std::net::AddrParseError;

    fn from_str(text: &str) -> Result<Place, Self::Err> {
        let (address, task) = match text.split_once('@') {
            Some((address, task)) => (address, Some(task.into())),
            None => (text, None),
        };
        Ok(Place { task, address: address.parse()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_as_it_is_written() {
        for text in ["127.0.0.1:80", "127.255.0.1:15000@0123abcd", "[::1]:80"] {
            assert_eq!(text.parse::<Place>().unwrap().to_string(), text);
        }
    }
}
