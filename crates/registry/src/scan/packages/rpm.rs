//! rpm's database in its SQLite form: each package's header as a blob (rpm.org, "RPM V4 package format").

use bytes::Bytes;

use super::Package;
use super::os::Release;
use super::sqlite::{Value, rows};

const FILES: [&str; 2] = ["var/lib/rpm/rpmdb.sqlite", "usr/lib/sysimage/rpm/rpmdb.sqlite"];
/// Databases in older forms, which are not read.
const OLD: [&str; 4] = [
    "var/lib/rpm/Packages",
    "var/lib/rpm/Packages.db",
    "usr/lib/sysimage/rpm/Packages",
    "usr/lib/sysimage/rpm/Packages.db",
];

const NAME: u32 = 1000;
const VERSION: u32 = 1001;
const RELEASE: u32 = 1002;
const EPOCH: u32 = 1003;
const ARCHITECTURE: u32 = 1022;
const SOURCE: u32 = 1044;

pub(super) fn is_database(path: &str) -> bool {
    FILES.contains(&path) || OLD.contains(&path)
}

/// Whether a database is in a form that is not read.
pub(in crate::scan) fn is_old(path: &str) -> bool {
    OLD.contains(&path)
}

/// Reads the packages of one file.
pub(super) fn read(path: &str, bytes: &Bytes, release: &Release, packages: &mut Vec<Package>) {
    if !FILES.contains(&path) {
        return;
    }
    for row in rows(bytes, "Packages").unwrap_or_default() {
        let Some(Value::Bytes(blob)) = row.get(1) else { continue };
        let Some(header) = Header::read(blob) else { continue };
        // Imported keys are kept as packages too.
        let Some((name, version)) = header.name_and_version().filter(|(name, _)| name != "gpg-pubkey") else {
            continue;
        };
        // `openssl-3.0.7-24.el9.src.rpm` is the source package openssl.
        let source = header.text(SOURCE).and_then(|file| file.rsplitn(3, '-').nth(2).map(str::to_owned));
        packages.push(Package {
            ecosystem: release.ecosystem.clone(),
            name,
            source: source.map(|source| (source, version.clone())),
            version,
            architecture: header.text(ARCHITECTURE),
            path: path.to_owned(),
        });
    }
}

/// A header: an index of tags, then their data.
struct Header<'a> {
    index: &'a [u8],
    data: &'a [u8],
}

impl<'a> Header<'a> {
    fn read(blob: &'a [u8]) -> Option<Self> {
        let count = usize::try_from(number(blob, 0)?).ok()?;
        let length = usize::try_from(number(blob, 4)?).ok()?;
        let end = 8usize.checked_add(count.checked_mul(16)?)?;
        Some(Header { index: blob.get(8..end)?, data: blob.get(end..end.checked_add(length)?)? })
    }

    fn data(&self, tag: u32) -> Option<&'a [u8]> {
        let entry = self.index.chunks_exact(16).find(|entry| number(entry, 0) == Some(tag))?;
        self.data.get(usize::try_from(number(entry, 8)?).ok()?..)
    }

    fn text(&self, tag: u32) -> Option<String> {
        let data = self.data(tag)?;
        let end = data.iter().position(|byte| *byte == 0)?;
        Some(String::from_utf8_lossy(&data[..end]).into_owned())
    }

    fn name_and_version(&self) -> Option<(String, String)> {
        let (version, release) = (self.text(VERSION)?, self.text(RELEASE)?);
        let epoch = self.data(EPOCH).and_then(|data| number(data, 0)).filter(|epoch| *epoch != 0);
        let epoch = epoch.map(|epoch| format!("{epoch}:")).unwrap_or_default();
        Some((self.text(NAME)?, format!("{epoch}{version}-{release}")))
    }
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_names_its_package() {
        let mut data: Vec<u8> = Vec::new();
        let mut index: Vec<u8> = Vec::new();
        let mut add = |tag: u32, value: &[u8]| {
            for part in [tag, 6, u32::try_from(data.len()).unwrap(), 1] {
                index.extend(part.to_be_bytes());
            }
            data.extend(value);
        };
        add(NAME, b"openssl-libs\0");
        add(VERSION, b"3.0.7\0");
        add(RELEASE, b"24.el9\0");
        add(EPOCH, &[0, 0, 0, 1]);
        add(SOURCE, b"openssl-3.0.7-24.el9.src.rpm\0");
        let mut blob = Vec::new();
        blob.extend(5u32.to_be_bytes());
        blob.extend(u32::try_from(data.len()).unwrap().to_be_bytes());
        blob.extend(index);
        blob.extend(data);
        let header = Header::read(&blob).unwrap();
        assert_eq!(header.name_and_version(), Some(("openssl-libs".into(), "1:3.0.7-24.el9".into())));
        assert!(Header::read(&blob[..20]).is_none());
        assert!(Header::read(b"").is_none());
    }
}
