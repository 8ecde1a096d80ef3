//! Pages as IAM gives them: a marker, and whether there is more.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use store::{Snapshot, Versioned, key};

use super::error::Error;
use super::holder::Named;
use crate::context::OpCtx;

/// What an answer holds that asks for no number.
const USUAL: usize = 100;

/// A page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Page<T> {
    /// What it shows.
    pub(super) items: Vec<T>,
    /// Where the next one begins; none after the last.
    pub(super) marker: Option<String>,
}

impl<T> Page<T> {
    /// Whether there is more.
    pub(super) fn is_truncated(&self) -> bool {
        self.marker.is_some()
    }

    /// The same page of other things.
    pub(super) fn map<U>(self, turn: impl FnMut(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(turn).collect(), marker: self.marker }
    }
}

/// Cuts a page from things that are sorted by their names.
pub(super) fn cut<T>(
    sorted: impl IntoIterator<Item = (String, T)>,
    marker: Option<&str>,
    most: Option<i32>,
) -> Result<Page<T>, Error> {
    let limit = most.and_then(|most| usize::try_from(most).ok()).unwrap_or(USUAL).max(1);
    let after = marker.map(read).transpose()?;
    let mut rest = sorted
        .into_iter()
        .skip_while(|(name, _)| after.as_ref().is_some_and(|after| name <= after))
        .peekable();
    let (mut items, mut last) = (Vec::new(), String::new());
    for (name, item) in rest.by_ref().take(limit) {
        last = name;
        items.push(item);
    }
    let marker = rest.peek().map(|_| URL_SAFE_NO_PAD.encode(last));
    Ok(Page { items, marker })
}

/// A page of the account's entities of one kind whose paths begin with `prefix`.
pub(super) fn entities<R: Named>(
    ctx: &OpCtx,
    snapshot: &Snapshot,
    prefix: Option<&str>,
    marker: Option<&str>,
    most: Option<i32>,
) -> Result<Page<Versioned<R>>, Error> {
    let prefix = prefix.unwrap_or("/");
    let all = snapshot.all::<R>(&key![ctx.scope.account]);
    let shown = all.filter(|it| it.row.identity().path.as_str().starts_with(prefix));
    cut(shown.map(|it| (it.row.identity().name.folded(), it)), marker, most)
}

fn read(marker: &str) -> Result<String, Error> {
    let text = URL_SAFE_NO_PAD.decode(marker).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    text.ok_or_else(|| Error::Validation("Invalid Marker.".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_show_everything_once() {
        let all = || ["a", "b", "c"].map(|name| (name.to_owned(), name));
        let first = cut(all(), None, Some(2)).unwrap();
        assert_eq!(first.items, ["a", "b"]);
        let second = cut(all(), first.marker.as_deref(), Some(2)).unwrap();
        assert_eq!((second.items.as_slice(), second.is_truncated()), (&["c"][..], false));
        assert!(cut(all(), Some("%"), None).is_err());
    }
}
