//! Pages of lists: a limit, and an opaque token that says where to go on.
//!
//! A token is the position of the last item that was shown, so that items which come and go
//! between two pages shift nothing.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use store::Key;

use crate::ecs::error::Error;

/// The most items of a page, and the number when none is asked for.
const MAX_PAGE: usize = 100;

/// How many rows are looked at together.
const CHUNK: usize = 256;

/// What a request asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Page {
    /// The position behind which to go on.
    pub after: Option<Key>,
    /// The most items.
    pub limit: usize,
}

impl Page {
    /// Reads `nextToken` and `maxResults`. The position must lie under `prefix`.
    pub(crate) fn read(token: Option<&str>, max_results: Option<i32>, prefix: &Key) -> Result<Self, Error> {
        let limit = match max_results {
            None => MAX_PAGE,
            Some(number) => usize::try_from(number)
                .ok()
                .filter(|n| (1..=MAX_PAGE).contains(n))
                .ok_or_else(|| Error::InvalidParameter("maxResults should be between 1 and 100.".into()))?,
        };
        let position = |token: &str| {
            let key = URL_SAFE_NO_PAD.decode(token).ok().map(|bytes| Key::from_bytes(&bytes));
            key.filter(|key| key.starts_with(prefix))
                .ok_or_else(|| Error::InvalidParameter("Invalid token.".into()))
        };
        let after = token.filter(|token| !token.is_empty()).map(position).transpose()?;
        Ok(Page { after, limit })
    }

    /// Loads chunk after chunk until one item more than the page has been kept, or there are no more.
    ///
    /// `load` gets the position behind which to go on and the size of the chunk.
    pub(crate) fn fill<T>(
        &self,
        load: impl Fn(Option<&Key>, usize) -> Vec<T>,
        position: impl Fn(&T) -> Option<Key>,
        keep: impl Fn(&T) -> bool,
    ) -> Vec<T> {
        let (mut after, mut found) = (self.after.clone(), Vec::new());
        loop {
            let chunk = load(after.as_ref(), CHUNK);
            let is_last = chunk.len() < CHUNK;
            after = chunk.last().and_then(&position);
            found.extend(chunk.into_iter().filter(&keep));
            if is_last || found.len() > self.limit {
                return found;
            }
        }
    }

    /// Cuts `found`, which holds one more item than the page when there are more, and makes the
    /// token out of the last item's position.
    pub(crate) fn cut<T>(
        &self,
        mut found: Vec<T>,
        position: impl Fn(&T) -> Option<Key>,
    ) -> (Vec<T>, Option<String>) {
        if found.len() <= self.limit {
            return (found, None);
        }
        found.truncate(self.limit);
        let token = found.last().and_then(position).map(|key| URL_SAFE_NO_PAD.encode(key.as_bytes()));
        (found, token)
    }
}

#[cfg(test)]
mod tests {
    use store::key;

    use super::*;

    #[test]
    fn a_token_goes_on_behind_the_last_item() {
        let prefix = key!["a"];
        let page = Page::read(None, Some(2), &prefix).unwrap();
        let (shown, token) = page.cut(vec![1u32, 2, 3], |n| Some(key!["a", *n]));
        assert_eq!(shown, [1, 2]);
        let next = Page::read(token.as_deref(), Some(2), &prefix).unwrap();
        assert_eq!(next.after, Some(key!["a", 2u32]));
        assert_eq!(next.cut(vec![3u32], |_| None), (vec![3], None));
    }

    #[test]
    fn tokens_of_other_lists_and_bad_limits_are_refused() {
        let refused = |token: Option<&str>, limit: Option<i32>| Page::read(token, limit, &key!["a"]).is_err();
        let other = URL_SAFE_NO_PAD.encode(key!["b"].as_bytes());
        assert!(refused(Some(&other), None) && refused(Some("%%"), None));
        assert!(refused(None, Some(0)) && refused(None, Some(101)) && refused(None, Some(-1)));
        assert!(!refused(None, Some(100)));
    }
}
