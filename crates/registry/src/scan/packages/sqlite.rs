//! As much of SQLite's file format as reading one table takes (sqlite.org/fileformat2.html).
//!
//! The rpm database of today's distributions is such a file. Everything is bounded by the file
//! itself: an offset that leads outside ends the reading.

/// How deep a table's tree is followed.
const MAX_DEPTH: usize = 32;
/// The most rows that are read.
const MAX_ROWS: usize = 200_000;

/// A value of a row, as far as we need it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    Integer(i64),
    Bytes(Vec<u8>),
    Other,
}

/// The rows of `table`; none when the file is not what it should be.
pub(super) fn rows(file: &[u8], table: &str) -> Option<Vec<Vec<Value>>> {
    if !file.starts_with(b"SQLite format 3\0") {
        return None;
    }
    let size = match u16_at(file, 16)? {
        1 => 65_536,
        size => usize::from(size),
    };
    let reserved = usize::from(*file.get(20)?);
    let database = Database { file, size, usable: size.checked_sub(reserved)? };
    // type, name, tbl_name, rootpage, sql
    let schema = database.table(1)?;
    let root = schema.into_iter().find_map(|row| match row.as_slice() {
        [Value::Bytes(kind), Value::Bytes(name), _, Value::Integer(root), ..]
            if kind == b"table" && name.as_slice() == table.as_bytes() =>
        {
            u32::try_from(*root).ok()
        }
        _ => None,
    })?;
    database.table(root)
}

struct Database<'a> {
    file: &'a [u8],
    size: usize,
    usable: usize,
}

impl Database<'_> {
    fn page(&self, number: u32) -> Option<&[u8]> {
        let start = usize::try_from(number).ok()?.checked_sub(1)?.checked_mul(self.size)?;
        self.file.get(start..start.checked_add(self.size)?)
    }

    fn table(&self, root: u32) -> Option<Vec<Vec<Value>>> {
        let mut rows = Vec::new();
        self.walk(root, &mut rows, 0)?;
        Some(rows)
    }

    fn walk(&self, number: u32, rows: &mut Vec<Vec<Value>>, depth: usize) -> Option<()> {
        if depth > MAX_DEPTH {
            return None;
        }
        let page = self.page(number)?;
        let head = if number == 1 { 100 } else { 0 };
        let cells = usize::from(u16_at(page, head + 3)?);
        match *page.get(head)? {
            // An inner page: children, the last one in the head.
            5 => {
                for cell in 0..cells {
                    let at = usize::from(u16_at(page, head + 12 + cell * 2)?);
                    self.walk(u32_at(page, at)?, rows, depth + 1)?;
                }
                self.walk(u32_at(page, head + 8)?, rows, depth + 1)
            }
            13 => {
                for cell in 0..cells {
                    let at = usize::from(u16_at(page, head + 8 + cell * 2)?);
                    rows.push(record(&self.payload(page, at)?)?);
                    if rows.len() > MAX_ROWS {
                        return None;
                    }
                }
                Some(())
            }
            _ => None,
        }
    }

    /// A leaf cell's bytes: what fits into the page, and the chain of overflow pages.
    fn payload(&self, page: &[u8], at: usize) -> Option<Vec<u8>> {
        let (length, at) = varint(page, at)?;
        let (_row_id, at) = varint(page, at)?;
        let length = usize::try_from(length).ok()?;
        if length > self.file.len() {
            return None;
        }
        let most = self.usable.checked_sub(35)?;
        if length <= most {
            return Some(page.get(at..at.checked_add(length)?)?.to_vec());
        }
        let least = (self.usable - 12) * 32 / 255 - 23;
        let fits = least + (length - least) % (self.usable - 4);
        let local = if fits <= most { fits } else { least };
        let mut bytes = page.get(at..at.checked_add(local)?)?.to_vec();
        let mut next = u32_at(page, at + local)?;
        while bytes.len() < length {
            let overflow = self.page(next)?;
            let count = (length - bytes.len()).min(self.usable - 4);
            bytes.extend_from_slice(overflow.get(4..4 + count)?);
            next = u32_at(overflow, 0)?;
        }
        Some(bytes)
    }
}

/// Reads a record: the types, then the values.
fn record(bytes: &[u8]) -> Option<Vec<Value>> {
    let (head, mut at) = varint(bytes, 0)?;
    let head = usize::try_from(head).ok()?;
    let (mut values, mut place) = (Vec::new(), head);
    while at < head {
        let (kind, next) = varint(bytes, at)?;
        at = next;
        let length = match kind {
            0 | 8 | 9 => 0,
            1..=4 => usize::try_from(kind).ok()?,
            5 => 6,
            6 | 7 => 8,
            kind => usize::try_from(kind.checked_sub(12)? / 2).ok()?,
        };
        let raw = bytes.get(place..place.checked_add(length)?)?;
        place += length;
        values.push(match kind {
            1..=6 => Value::Integer(raw.iter().fold(0, |sum, byte| sum << 8 | i64::from(*byte))),
            8 | 9 => Value::Integer(i64::try_from(kind - 8).ok()?),
            12.. => Value::Bytes(raw.to_vec()),
            _ => Value::Other,
        });
    }
    Some(values)
}

fn varint(bytes: &[u8], mut at: usize) -> Option<(u64, usize)> {
    let mut value = 0u64;
    for count in 0..9 {
        let byte = *bytes.get(at)?;
        at += 1;
        if count == 8 {
            return Some((value << 8 | u64::from(byte), at));
        }
        value = value << 7 | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            break;
        }
    }
    Some((value, at))
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..at.checked_add(2)?)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_database_has_no_rows() {
        assert_eq!(rows(b"", "t"), None);
        assert_eq!(rows(b"SQLite format 3\0", "t"), None);
        let mut page = vec![0; 4096];
        page[..16].copy_from_slice(b"SQLite format 3\0");
        page[16] = 16;
        assert_eq!(rows(&page, "t"), None);
        // An inner page that leads to itself ends.
        (page[100], page[104], page[111]) = (5, 0, 1);
        assert_eq!(rows(&page, "t"), None);
    }

    #[test]
    fn integers_of_any_length_are_read() {
        assert_eq!(varint(&[0x7f], 0), Some((127, 1)));
        assert_eq!(varint(&[0x81, 0x00], 0), Some((128, 2)));
        assert_eq!(varint(&[0xff; 9], 0), Some((u64::MAX, 9)));
        assert_eq!(varint(&[0x80], 0), None);
        assert_eq!(record(&[3, 1, 15, 7, b'a']), Some(vec![Value::Integer(7), Value::Bytes(b"a".to_vec())]));
    }
}
