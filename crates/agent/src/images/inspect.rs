//! The rules that a layer must keep, entry by entry. Pure; [`super::tar_stream`] feeds it.
//!
//! containerd unpacks inside the root whatever a name says; these rules refuse what tries to
//! leave it at all, so that nobody has to rely on one line of defence.

use super::limits::Limits;

/// What kind of thing an entry makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A file, with its size.
    File(u64),
    /// A directory.
    Directory,
    /// A symbolic link to this target.
    Symlink(Vec<u8>),
    /// A second name for this path.
    Hardlink(Vec<u8>),
    /// A device, with its numbers.
    Device(u32, u32),
    /// A named pipe.
    Pipe,
}

/// What a refused layer would have done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Hostile {
    /// A name begins at the root of the file system.
    #[error("{0:?} is an absolute path")]
    AbsoluteName(String),
    /// A name climbs.
    #[error("{0:?} contains \"..\"")]
    ClimbingName(String),
    /// A link leads out.
    #[error("{name:?} links to {target:?}, outside of the image")]
    LinkOutside {
        /// The link.
        name: String,
        /// Where it leads.
        target: String,
    },
    /// A device that no image needs.
    #[error("{name:?} is device {major}:{minor}")]
    Device {
        /// Its name.
        name: String,
        /// Its major number.
        major: u32,
        /// Its minor number.
        minor: u32,
    },
    /// It grows beyond the limit.
    #[error("it unpacks to more than {limit} bytes")]
    TooLarge {
        /// The limit.
        limit: u64,
    },
    /// The node has no room for it.
    #[error("it unpacks to more than the {free} bytes that are free on the node")]
    NoRoom {
        /// What is free.
        free: u64,
    },
    /// It has more entries than allowed.
    #[error("it has more than {limit} entries")]
    TooManyEntries {
        /// The limit.
        limit: u64,
    },
    /// It is no archive.
    #[error("it is not a tar archive: {0}")]
    Broken(String),
}

/// What a clean layer amounts to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Inspection {
    /// Bytes of its files.
    pub bytes: u64,
    /// How many entries it has.
    pub entries: u64,
}

/// Devices that distributions' own archives carry: they exist in every container anyway.
const HARMLESS_DEVICES: [(u32, u32); 8] = [(1, 3), (1, 5), (1, 7), (1, 8), (1, 9), (5, 0), (5, 1), (5, 2)];

/// Judges the entries of one layer.
#[derive(Debug)]
pub(super) struct Inspector {
    limits: Limits,
    so_far: Inspection,
}

impl Inspector {
    pub(super) fn new(limits: Limits) -> Inspector {
        Inspector { limits, so_far: Inspection::default() }
    }

    /// What has been seen.
    pub(super) fn finish(self) -> Inspection {
        self.so_far
    }

    /// Counts bytes of the archive itself, decompressed.
    pub(super) fn check_archive_size(&self, bytes: u64) -> Result<(), Hostile> {
        // Headers and padding come on top of files; an archive cannot be much larger than what it holds.
        let limit = self.limits.unpacked_bytes.saturating_add(self.limits.entries.saturating_mul(2048));
        if bytes > limit { Err(Hostile::TooLarge { limit: self.limits.unpacked_bytes }) } else { Ok(()) }
    }

    /// Judges one entry.
    pub(super) fn entry(&mut self, name: &[u8], kind: &Kind) -> Result<(), Hostile> {
        check_name(name)?;
        match kind {
            Kind::Symlink(target) => check_symlink(name, target)?,
            Kind::Hardlink(target) => check_hardlink(name, target)?,
            Kind::Device(major, minor) if !HARMLESS_DEVICES.contains(&(*major, *minor)) => {
                return Err(Hostile::Device { name: text(name), major: *major, minor: *minor });
            }
            Kind::File(size) => self.so_far.bytes = self.so_far.bytes.saturating_add(*size),
            Kind::Device(..) | Kind::Directory | Kind::Pipe => {}
        }
        self.so_far.entries += 1;
        if self.so_far.bytes > self.limits.unpacked_bytes {
            return Err(Hostile::TooLarge { limit: self.limits.unpacked_bytes });
        }
        if self.so_far.bytes > self.limits.free_bytes {
            return Err(Hostile::NoRoom { free: self.limits.free_bytes });
        }
        if self.so_far.entries > self.limits.entries {
            return Err(Hostile::TooManyEntries { limit: self.limits.entries });
        }
        Ok(())
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn components(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    path.split(|byte| *byte == b'/').filter(|part| !part.is_empty() && *part != b".")
}

fn check_name(name: &[u8]) -> Result<(), Hostile> {
    // The root itself is written as "/" by some builders.
    if name.first() == Some(&b'/') && components(name).next().is_some() {
        return Err(Hostile::AbsoluteName(text(name)));
    }
    if components(name).any(|part| part == b"..") {
        return Err(Hostile::ClimbingName(text(name)));
    }
    Ok(())
}

/// A symbolic link is read inside the container, where an absolute target begins at the image's root;
/// a relative one may climb to the root, not beyond.
fn check_symlink(name: &[u8], target: &[u8]) -> Result<(), Hostile> {
    if target.first() == Some(&b'/') {
        return if climbs(components(target), 0) { Err(outside(name, target)) } else { Ok(()) };
    }
    let depth = components(name).count().saturating_sub(1);
    if climbs(components(target), depth) { Err(outside(name, target)) } else { Ok(()) }
}

fn check_hardlink(name: &[u8], target: &[u8]) -> Result<(), Hostile> {
    let absolute = target.first() == Some(&b'/');
    if absolute || components(target).any(|part| part == b"..") {
        return Err(outside(name, target));
    }
    Ok(())
}

fn outside(name: &[u8], target: &[u8]) -> Hostile {
    Hostile::LinkOutside { name: text(name), target: text(target) }
}

/// Whether a path leaves the tree when it starts `depth` directories below its root.
fn climbs<'a>(parts: impl Iterator<Item = &'a [u8]>, mut depth: usize) -> bool {
    for part in parts {
        if part != b".." {
            depth += 1;
        } else if depth == 0 {
            return true;
        } else {
            depth -= 1;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, kind: Kind, refused: bool) {
        let found = Inspector::new(Limits::default()).entry(name.as_bytes(), &kind);
        assert_eq!(found.is_err(), refused, "{name} {kind:?}: {found:?}");
    }

    #[test]
    fn names_stay_inside() {
        for name in ["./", "/", "etc/passwd", "./usr/bin/..x", "a/./b"] {
            check(name, Kind::File(1), false);
        }
        for name in ["/etc/passwd", "../x", "a/../../x", "a/.."] {
            check(name, Kind::File(1), true);
        }
    }

    #[test]
    fn links_stay_inside() {
        let link = |target: &str| Kind::Symlink(target.as_bytes().to_vec());
        check("usr/bin/vi", link("/etc/alternatives/vi"), false);
        check("usr/bin/vi", link("../../etc/vi"), false);
        check("usr/bin/vi", link("../../../etc/vi"), true);
        check("vi", link("a/../../etc"), true);
        check("vi", link("/../etc"), true);
        check("a", Kind::Hardlink(b"usr/bin/b".to_vec()), false);
        check("a", Kind::Hardlink(b"/usr/bin/b".to_vec()), true);
        check("a", Kind::Hardlink(b"x/../../b".to_vec()), true);
    }

    #[test]
    fn only_harmless_devices_pass() {
        check("dev/null", Kind::Device(1, 3), false);
        check("dev/sda", Kind::Device(8, 0), true);
        check("dev/mem", Kind::Device(1, 1), true);
    }

    #[test]
    fn bombs_are_refused() {
        let limits = Limits { unpacked_bytes: 100, entries: 3, ..Limits::default() };
        let mut inspector = Inspector::new(limits);
        inspector.entry(b"a", &Kind::File(60)).unwrap();
        assert_eq!(inspector.entry(b"b", &Kind::File(60)), Err(Hostile::TooLarge { limit: 100 }));
        let full = Limits { free_bytes: 50, ..limits };
        let refused = Inspector::new(full).entry(b"a", &Kind::File(60));
        assert_eq!(refused, Err(Hostile::NoRoom { free: 50 }));
        let mut inspector = Inspector::new(limits);
        let refused = (0..4).map(|_| inspector.entry(b"a", &Kind::Directory)).find_map(Result::err);
        assert_eq!(refused, Some(Hostile::TooManyEntries { limit: 3 }));
        assert!(Inspector::new(limits).check_archive_size(1 << 20).is_err());
    }
}
