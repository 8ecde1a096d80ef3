//! Pages: `PageSize` and `Marker`.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use store::{Key, Row, Versioned};

use super::error::Error;

/// The most rows of one answer.
const MOST: usize = 400;

/// Cuts one page out of rows in the order of their keys. Returns it with the marker of the next one.
pub(super) fn cut<R: Row>(
    rows: impl IntoIterator<Item = Versioned<R>>,
    marker: Option<&str>,
    size: Option<i32>,
) -> Result<(Vec<Versioned<R>>, Option<String>), Error> {
    let keyed = rows.into_iter().map(|row| (row.key(), row));
    cut_by(keyed, marker, size)
}

/// The same for anything that comes with a key to continue behind.
pub(super) fn cut_by<T>(
    rows: impl IntoIterator<Item = (Key, T)>,
    marker: Option<&str>,
    size: Option<i32>,
) -> Result<(Vec<T>, Option<String>), Error> {
    let limit = size.and_then(|size| usize::try_from(size).ok()).unwrap_or(MOST).clamp(1, MOST);
    let after = marker.filter(|marker| !marker.is_empty()).map(read).transpose()?;
    let mut rest =
        rows.into_iter().filter(|(key, _)| after.as_ref().is_none_or(|after| key > after)).peekable();
    let (mut found, mut last) = (Vec::new(), None);
    while found.len() < limit {
        let Some((key, row)) = rest.next() else { break };
        last = Some(key);
        found.push(row);
    }
    let next = last.filter(|_| rest.peek().is_some());
    Ok((found, next.map(|key| URL_SAFE_NO_PAD.encode(key.as_bytes()))))
}

fn read(marker: &str) -> Result<Key, Error> {
    let bytes = URL_SAFE_NO_PAD.decode(marker);
    bytes
        .map(|bytes| Key::from_bytes(&bytes))
        .map_err(|_| Error::validation(format!("Invalid marker '{marker}'")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use store::key;

    #[test]
    fn pages_meet_without_gap_or_overlap() {
        let rows = || (0u32..5).map(|number| (key![number], number));
        let (first, marker) = cut_by(rows(), None, Some(2)).unwrap();
        let (second, marker) = cut_by(rows(), marker.as_deref(), Some(2)).unwrap();
        let (third, end) = cut_by(rows(), marker.as_deref(), Some(2)).unwrap();
        assert_eq!([first, second, third].concat(), [0, 1, 2, 3, 4]);
        assert_eq!(end, None);
        assert!(cut_by(rows(), Some("%"), None).is_err());
    }
}
