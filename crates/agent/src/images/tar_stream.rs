//! Reads the headers of a layer as it streams by: decompression, tar, extended headers.
//!
//! It buffers nothing but headers, and those up to a limit: a hostile archive costs no memory.

use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::MultiGzDecoder;
use tar::{EntryType, Header};

use super::inspect::{Hostile, Inspection, Inspector, Kind};
use super::limits::Limits;

const BLOCK: usize = 512;
const GZIP_MAGIC: [u8; 3] = [0x1f, 0x8b, 0x08];
const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// Inspects a whole layer. The compression is found as containerd finds it: by the first bytes.
pub(super) fn inspect(source: impl Read, limits: Limits) -> Result<Inspection, Hostile> {
    let mut source = BufReader::with_capacity(256 << 10, source);
    let start = source.fill_buf().map_err(broken)?;
    if start.starts_with(&GZIP_MAGIC) {
        read_archive(MultiGzDecoder::new(source), limits)
    } else if start.starts_with(&ZSTD_MAGIC) {
        read_archive(zstd::Decoder::with_buffer(source).map_err(broken)?, limits)
    } else {
        read_archive(source, limits)
    }
}

fn broken(error: io::Error) -> Hostile {
    Hostile::Broken(error.to_string())
}

/// What extended headers say about the entry that follows.
#[derive(Default)]
struct Extended {
    name: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    size: Option<u64>,
}

fn read_archive(source: impl Read, limits: Limits) -> Result<Inspection, Hostile> {
    let mut archive = Archive { source, limits, read: 0 };
    let mut inspector = Inspector::new(limits);
    let mut extended = Extended::default();
    while let Some(header) = archive.header()? {
        let kind = header.entry_type();
        let size = header.entry_size().map_err(broken)?;
        match kind {
            EntryType::GNULongName => extended.name = Some(archive.long_text(size)?),
            EntryType::GNULongLink => extended.link = Some(archive.long_text(size)?),
            EntryType::XHeader => read_pax(&archive.short_data(size)?, &mut extended)?,
            EntryType::XGlobalHeader => drop(archive.short_data(size)?),
            _ => {
                let known = std::mem::take(&mut extended);
                let size = known.size.unwrap_or(size);
                if kind == EntryType::GNUSparse {
                    archive.skip_sparse_map(&header)?;
                }
                let name = known.name.unwrap_or_else(|| header.path_bytes().into_owned());
                let link = known.link.or_else(|| header.link_name_bytes().map(|name| name.into_owned()));
                if let Some(kind) = kind_of(&header, link, size)? {
                    inspector.entry(&name, &kind)?;
                }
                archive.skip(size)?;
            }
        }
        inspector.check_archive_size(archive.read)?;
    }
    archive.drain(&inspector)?;
    Ok(inspector.finish())
}

fn kind_of(header: &Header, link: Option<Vec<u8>>, size: u64) -> Result<Option<Kind>, Hostile> {
    Ok(Some(match header.entry_type() {
        EntryType::Symlink => Kind::Symlink(link.unwrap_or_default()),
        EntryType::Link => Kind::Hardlink(link.unwrap_or_default()),
        EntryType::Directory => Kind::Directory,
        EntryType::Fifo => Kind::Pipe,
        EntryType::Char | EntryType::Block => {
            let number = |found: io::Result<Option<u32>>| Ok(found.map_err(broken)?.unwrap_or(0));
            Kind::Device(number(header.device_major())?, number(header.device_minor())?)
        }
        EntryType::GNUSparse => {
            let gnu =
                header.as_gnu().ok_or_else(|| Hostile::Broken("a sparse file without its header".into()))?;
            Kind::File(gnu.real_size().map_err(broken)?.max(size))
        }
        EntryType::Regular | EntryType::Continuous => Kind::File(size),
        // containerd ignores what it does not know; the data is skipped.
        _ => return Ok(None),
    }))
}

/// Reads `length key=value\n` records.
fn read_pax(mut data: &[u8], extended: &mut Extended) -> Result<(), Hostile> {
    let malformed = || Hostile::Broken("a malformed extended header".into());
    while !data.is_empty() {
        let space = data.iter().position(|byte| *byte == b' ').ok_or_else(malformed)?;
        let length = std::str::from_utf8(&data[..space]).ok().and_then(|text| text.parse::<usize>().ok());
        let length =
            length.filter(|length| *length > space + 1 && *length <= data.len()).ok_or_else(malformed)?;
        let record = data[space + 1..length].strip_suffix(b"\n").ok_or_else(malformed)?;
        let equals = record.iter().position(|byte| *byte == b'=').ok_or_else(malformed)?;
        let (key, value) = (&record[..equals], record[equals + 1..].to_vec());
        match key {
            b"path" => extended.name = Some(value),
            b"linkpath" => extended.link = Some(value),
            b"size" => {
                let size = String::from_utf8(value).ok().and_then(|text| text.parse().ok());
                extended.size = Some(size.ok_or_else(malformed)?);
            }
            _ => {}
        }
        data = &data[length..];
    }
    Ok(())
}

struct Archive<R> {
    source: R,
    limits: Limits,
    read: u64,
}

impl<R: Read> Archive<R> {
    /// The next header; `None` at the end of the archive.
    fn header(&mut self) -> Result<Option<Header>, Hostile> {
        let mut header = Header::new_old();
        if !self.fill(header.as_mut_bytes())? {
            return Ok(None);
        }
        if header.as_bytes().iter().all(|byte| *byte == 0) {
            return Ok(None);
        }
        let bytes = header.as_bytes();
        let sum: u32 = bytes
            .iter()
            .enumerate()
            .map(|(at, b)| if (148..156).contains(&at) { 32 } else { u32::from(*b) })
            .sum();
        if header.cksum().map_err(broken)? != sum {
            return Err(Hostile::Broken("a header's checksum is wrong".into()));
        }
        Ok(Some(header))
    }

    /// Fills a block; false when the archive ends before it.
    fn fill(&mut self, block: &mut [u8]) -> Result<bool, Hostile> {
        let mut filled = 0;
        while filled < block.len() {
            match self.source.read(&mut block[filled..]) {
                Ok(0) if filled == 0 => return Ok(false),
                Ok(0) => return Err(Hostile::Broken("it ends in the middle of a header".into())),
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(broken(error)),
            }
        }
        self.read += block.len() as u64;
        Ok(true)
    }

    fn short_data(&mut self, size: u64) -> Result<Vec<u8>, Hostile> {
        if size > self.limits.header_bytes {
            return Err(Hostile::Broken(format!("an extended header of {size} bytes")));
        }
        let mut data = Vec::new();
        (&mut self.source).take(size).read_to_end(&mut data).map_err(broken)?;
        self.read += size;
        self.skip_exactly(padding(size))?;
        Ok(data)
    }

    fn long_text(&mut self, size: u64) -> Result<Vec<u8>, Hostile> {
        let mut data = self.short_data(size)?;
        let end = data.iter().position(|byte| *byte == 0).unwrap_or(data.len());
        data.truncate(end);
        Ok(data)
    }

    /// Skips an entry's data and its padding.
    fn skip(&mut self, size: u64) -> Result<(), Hostile> {
        if size > self.limits.unpacked_bytes {
            return Err(Hostile::TooLarge { limit: self.limits.unpacked_bytes });
        }
        self.skip_exactly(size + padding(size))
    }

    fn skip_exactly(&mut self, size: u64) -> Result<(), Hostile> {
        let skipped = io::copy(&mut (&mut self.source).take(size), &mut io::sink()).map_err(broken)?;
        self.read += skipped;
        if skipped < size { Err(Hostile::Broken("it ends in the middle of a file".into())) } else { Ok(()) }
    }

    /// Old GNU sparse files have further map blocks behind the header.
    fn skip_sparse_map(&mut self, header: &Header) -> Result<(), Hostile> {
        let mut more = header.as_gnu().is_some_and(|gnu| gnu.is_extended());
        let mut block = [0u8; BLOCK];
        while more {
            if !self.fill(&mut block)? {
                return Err(Hostile::Broken("it ends in a sparse map".into()));
            }
            more = block[504] == 1;
        }
        Ok(())
    }

    /// Reads what follows the archive, so that the whole stream has been decompressed and bounded.
    fn drain(&mut self, inspector: &Inspector) -> Result<(), Hostile> {
        let mut buffer = [0u8; 32 << 10];
        loop {
            match self.source.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(count) => self.read += count as u64,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(broken(error)),
            }
            inspector.check_archive_size(self.read)?;
        }
    }
}

fn padding(size: u64) -> u64 {
    (BLOCK as u64 - size % BLOCK as u64) % BLOCK as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn archive(fill: impl FnOnce(&mut tar::Builder<Vec<u8>>)) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        fill(&mut builder);
        builder.into_inner().unwrap()
    }

    fn file(builder: &mut tar::Builder<Vec<u8>>, name: &str, data: &[u8]) {
        let mut header = Header::new_gnu();
        header.set_size(data.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, name, data).unwrap();
    }

    #[test]
    fn every_compression_is_read() {
        let plain = archive(|builder| {
            file(builder, "a", b"hello");
            file(builder, &format!("{}/long", "d".repeat(200)), &[7; 1000]);
        });
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&plain).unwrap();
        let zstd = zstd::encode_all(&plain[..], 1).unwrap();
        for bytes in [plain.clone(), gzip.finish().unwrap(), zstd] {
            let found = inspect(&bytes[..], Limits::default()).unwrap();
            assert_eq!(found, Inspection { bytes: 1005, entries: 2 });
        }
    }

    #[test]
    fn a_long_name_cannot_hide_a_climb() {
        let bytes = archive(|builder| {
            let mut long = Header::new_gnu();
            let name = format!("{}/../../../../../../etc/passwd", "d/".repeat(3));
            long.set_entry_type(EntryType::GNULongName);
            long.set_size(name.len() as u64 + 1);
            long.set_cksum();
            builder.append(&long, format!("{name}\0").as_bytes()).unwrap();
            file(builder, "innocent", b"x");
        });
        assert!(matches!(inspect(&bytes[..], Limits::default()), Err(Hostile::ClimbingName(_))));
    }

    #[test]
    fn a_pax_path_counts() {
        let bytes = archive(|builder| {
            builder.append_pax_extensions([("path", b"/etc/passwd".as_slice())]).unwrap();
            file(builder, "innocent", b"x");
        });
        assert!(matches!(inspect(&bytes[..], Limits::default()), Err(Hostile::AbsoluteName(_))));
    }

    #[test]
    fn a_compressed_bomb_stops_early() {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        let mut header = Header::new_gnu();
        header.set_path("bomb").unwrap();
        header.set_size(64 << 20);
        header.set_cksum();
        gzip.write_all(header.as_bytes()).unwrap();
        gzip.write_all(&vec![0; 64 << 20]).unwrap();
        let limits = Limits { unpacked_bytes: 1 << 20, ..Limits::default() };
        assert_eq!(inspect(&gzip.finish().unwrap()[..], limits), Err(Hostile::TooLarge { limit: 1 << 20 }));
    }

    #[test]
    fn what_is_no_archive_is_refused() {
        assert!(matches!(inspect(&[1u8; 4096][..], Limits::default()), Err(Hostile::Broken(_))));
        let cut = &archive(|builder| file(builder, "a", &[1; 4096]))[..1024];
        assert!(matches!(inspect(cut, Limits::default()), Err(Hostile::Broken(_))));
        assert_eq!(inspect(&[][..], Limits::default()), Ok(Inspection::default()));
    }
}
