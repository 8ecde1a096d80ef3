//! Names of links and namespaces: all begin with `ls` and the instance tag, and fit Linux's 15 characters.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use sha2::{Digest, Sha256};

/// The names of one instance.
#[derive(Clone, Debug)]
pub struct Names {
    prefix: String,
    /// The nftables table.
    pub table: String,
    /// Where namespaces are bound.
    pub namespaces_dir: PathBuf,
    counter: Arc<AtomicU32>,
    epoch: u32,
}

impl Names {
    /// The names for the instance `tag`.
    pub fn new(tag: &str, run_dir: &Path) -> Names {
        // A restarted agent must not reuse the name of a living pair: the start time tells runs apart.
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Names {
            prefix: format!("ls{tag}"),
            table: format!("longshore-{tag}"),
            namespaces_dir: run_dir.join("netns"),
            counter: Arc::default(),
            epoch: (now.as_millis() / 100 % (1 << 28)) as u32,
        }
    }

    /// A fresh name for a namespace and the host's end of its interface pair.
    pub fn next_pair(&self) -> String {
        loop {
            let count = self.counter.fetch_add(1, Ordering::Relaxed);
            let name = format!("{}v{:07x}", self.prefix, self.epoch.wrapping_add(count) & 0x0fff_ffff);
            // A run that made more than ten a second before it was killed has used names of the next run.
            if !self.namespaces_dir.join(&name).exists() {
                return name;
            }
        }
    }

    /// The bridge of a VPC.
    pub fn bridge(&self, vpc: &str) -> String {
        format!("{}b{}", self.prefix, &hex::encode(Sha256::digest(vpc))[..7])
    }

    /// What all our bridges match, as nft writes it.
    pub fn bridge_pattern(&self) -> String {
        format!("{}b*", self.prefix)
    }

    /// What the host's ends of all our pairs match, as nft writes it.
    pub fn pair_pattern(&self) -> String {
        format!("{}v*", self.prefix)
    }

    /// The nftables table of security groups, which is replaced as a whole.
    pub fn groups_table(&self) -> String {
        format!("{}-groups", self.table)
    }

    /// Whether a link is the host's end of a pair of ours.
    pub fn is_pair(&self, link: &str) -> bool {
        link.strip_prefix(&self.prefix).is_some_and(|rest| rest.starts_with('v'))
    }

    /// Whether a link is a bridge of ours.
    pub fn is_bridge(&self, link: &str) -> bool {
        link.strip_prefix(&self.prefix).is_some_and(|rest| rest.starts_with('b'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_a_run_before_are_passed_over() {
        let dir = tempfile::tempdir().unwrap();
        let names = Names::new("0a1b2", dir.path());
        std::fs::create_dir(&names.namespaces_dir).unwrap();
        for ahead in [0, 1, 3] {
            let name = format!("ls0a1b2v{:07x}", (names.epoch + ahead) & 0x0fff_ffff);
            std::fs::write(names.namespaces_dir.join(name), "").unwrap();
        }
        let expected = |ahead: u32| format!("ls0a1b2v{:07x}", (names.epoch + ahead) & 0x0fff_ffff);
        assert_eq!([names.next_pair(), names.next_pair()], [expected(2), expected(4)]);
    }

    #[test]
    fn names_fit_and_are_recognised() {
        let names = Names::new("0a1b2", Path::new("/run/x"));
        let (pair, bridge) = (names.next_pair(), names.bridge("vpc-1"));
        assert_eq!((pair.len(), bridge.len()), (15, 15));
        assert!(names.is_pair(&pair) && !names.is_pair(&bridge) && names.is_bridge(&bridge));
        assert_ne!(pair, names.next_pair());
        assert!(!names.is_pair("ls99999v0000001"));
    }
}
