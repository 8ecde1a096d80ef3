//! Pages and filters of lists.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::error::Error;

/// The most rows of one answer.
const MOST: usize = 100;

/// Cuts one page out of rows with their ids, in the order of the ids. Returns it with the token of the next one.
pub(super) fn cut<T>(
    mut rows: Vec<(String, T)>,
    token: Option<&str>,
    size: Option<i32>,
) -> Result<(Vec<T>, Option<String>), Error> {
    rows.sort_by(|(one, _), (other, _)| one.cmp(other));
    let limit = size.and_then(|size| usize::try_from(size).ok()).unwrap_or(MOST).clamp(1, MOST);
    let after = token.map(read).transpose()?;
    let rest = rows.into_iter().filter(|(id, _)| after.as_ref().is_none_or(|after| id > after));
    let mut page: Vec<_> = rest.take(limit + 1).collect();
    let more = page.len() > limit;
    page.truncate(limit);
    let next = page.last().filter(|_| more).map(|(id, _)| URL_SAFE_NO_PAD.encode(id));
    Ok((page.into_iter().map(|(_, row)| row).collect(), next))
}

fn read(token: &str) -> Result<String, Error> {
    let wrong = || Error::Input("The NextToken was not returned by an earlier call.".into());
    let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| wrong())?;
    String::from_utf8(bytes).map_err(|_| wrong())
}

/// Whether a value passes a filter.
pub(super) fn passes(condition: Option<&str>, wanted: &[String], value: &str) -> Result<bool, Error> {
    match condition.unwrap_or("EQ") {
        "EQ" | "IN" => Ok(wanted.iter().any(|it| it == value)),
        "BEGINS_WITH" => Ok(wanted.iter().any(|it| value.starts_with(it.as_str()))),
        other => Err(Error::Input(format!("The condition {other} does not fit the filter."))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_meet_without_gap_or_overlap() {
        let rows: Vec<_> = (0..5).rev().map(|i| (format!("{i}"), i)).collect();
        let (first, token) = cut(rows.clone(), None, Some(2)).unwrap();
        let (second, token) = cut(rows.clone(), token.as_deref(), Some(2)).unwrap();
        let (third, end) = cut(rows.clone(), token.as_deref(), Some(2)).unwrap();
        assert_eq!([first, second, third].concat(), [0, 1, 2, 3, 4]);
        assert_eq!(end, None);
        assert!(cut(rows, Some("%"), None).is_err());
    }
}
