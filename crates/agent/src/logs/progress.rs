//! How far a spool is: small files of a few numbers, by which the logger and the shipper of one spool tell each other how far they are.
//!
//! A write of so few bytes is whole or absent after a kill. A file that is not there reads as zeros.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::FileExt as _;
use std::path::Path;

const SHIPPED: &str = "shipped";
const DROPPED: &str = "dropped";

/// How far a spool was shipped; its shipper writes it and its logger reads it.
#[derive(Debug)]
pub(super) struct Shipped(Numbers<1>);

impl Shipped {
    /// Opens the file of a spool.
    pub(super) fn open(dir: &Path) -> io::Result<Shipped> {
        Ok(Shipped(Numbers::open(dir, SHIPPED)?.0))
    }

    /// What the file of a spool says.
    pub(super) fn read(dir: &Path) -> u64 {
        let [offset] = Numbers::read(dir, SHIPPED);
        offset
    }

    /// Everything before `offset` is in the store.
    pub(super) fn set(&self, offset: u64) -> io::Result<()> {
        self.0.set([offset])
    }
}

/// What a spool had no room for; its logger counts it and its shipper says it.
#[derive(Debug)]
pub(super) struct Dropped {
    file: Numbers<2>,
    lines: u64,
    bytes: u64,
}

impl Dropped {
    /// Takes up the count of a spool. The numbers are written at once, while a full disk may still fail the start.
    pub(super) fn open(dir: &Path) -> io::Result<Dropped> {
        let (file, [lines, bytes]) = Numbers::open(dir, DROPPED)?;
        file.set([lines, bytes])?;
        Ok(Dropped { file, lines, bytes })
    }

    /// Adds to the count.
    pub(super) fn add(&mut self, lines: u64, bytes: u64) -> io::Result<()> {
        (self.lines, self.bytes) = (self.lines + lines, self.bytes + bytes);
        self.file.set([self.lines, self.bytes])
    }

    /// How many lines and bytes a spool had no room for.
    pub(super) fn read(dir: &Path) -> (u64, u64) {
        let [lines, bytes] = Numbers::read(dir, DROPPED);
        (lines, bytes)
    }
}

/// One such file, open for writing.
#[derive(Debug)]
pub(super) struct Numbers<const N: usize>(File);

impl<const N: usize> Numbers<N> {
    /// Opens the file `name` of a spool and reads it.
    pub(super) fn open(dir: &Path, name: &str) -> io::Result<(Numbers<N>, [u64; N])> {
        let mut file =
            OpenOptions::new().create(true).truncate(false).read(true).write(true).open(dir.join(name))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok((Numbers(file), parse(&bytes)))
    }

    /// Reads the file `name` of a spool.
    pub(super) fn read(dir: &Path, name: &str) -> [u64; N] {
        parse(&std::fs::read(dir.join(name)).unwrap_or_default())
    }

    /// Writes the numbers.
    pub(super) fn set(&self, numbers: [u64; N]) -> io::Result<()> {
        let bytes: Vec<u8> = numbers.into_iter().flat_map(u64::to_le_bytes).collect();
        self.0.write_all_at(&bytes, 0)
    }
}

fn parse<const N: usize>(bytes: &[u8]) -> [u64; N] {
    let number = |at: usize| bytes.get(at * 8..at * 8 + 8).and_then(|eight| eight.try_into().ok());
    std::array::from_fn(|at| number(at).map_or(0, u64::from_le_bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_they_were_set() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(Numbers::<2>::read(dir.path(), "n"), [0, 0]);
        let (file, none) = Numbers::<2>::open(dir.path(), "n").unwrap();
        assert_eq!(none, [0, 0]);
        file.set([7, u64::MAX]).unwrap();
        assert_eq!(Numbers::<2>::open(dir.path(), "n").unwrap().1, [7, u64::MAX]);
        assert_eq!(Numbers::<2>::read(dir.path(), "n"), [7, u64::MAX]);
    }
}
