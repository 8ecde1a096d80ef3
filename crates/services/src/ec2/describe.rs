//! What every Describe operation of EC2 shares: filters with wildcards, pages with opaque tokens.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use wire::ec2::{Filter, Tag};

use super::error::Error;
use super::shown;
use super::store::{self as tables, VpcRow};
use crate::context::OpCtx;

/// The most rows of one answer.
const PAGE_LIMIT: usize = 1000;

/// The values of a row under a filter's name; `None` when the operation has no such filter.
pub type Facts<'a> = &'a dyn Fn(&str) -> Option<Vec<String>>;

/// Whether a row passes all filters. Within one filter any value may match.
///
/// # Errors
/// `InvalidParameterValue` for a filter that the operation does not have.
pub fn passes(filters: Option<&[Filter]>, tags: &[Tag], facts: Facts<'_>) -> Result<bool, Error> {
    for filter in filters.unwrap_or_default() {
        let name = filter.name.as_deref().unwrap_or_default();
        let found = tag_facts(name, tags).or_else(|| facts(name));
        let found = found.ok_or_else(|| Error::UnknownFilter(name.to_owned()))?;
        let wanted = filter.values.as_deref().unwrap_or_default();
        if !wanted.iter().any(|pattern| found.iter().any(|value| like(pattern, value))) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// What each VPC has exactly one of, made with it.
pub struct Fitting<T> {
    /// The prefix of its ids.
    pub kind: &'static str,
    /// How it is answered.
    pub render: fn(&model::ec2::Vpc) -> T,
    /// Its values under a filter's name.
    pub facts: fn(&T, &str) -> Option<Vec<String>>,
    /// The error for an id that there is not.
    pub missing: fn(String) -> Error,
}

/// The fittings that a request asks for by ids and filters, sorted by id.
///
/// # Errors
/// `missing` for an unknown id, `InvalidParameterValue` for an unknown filter.
pub async fn of_each_vpc<T>(
    ctx: &OpCtx,
    fitting: &Fitting<T>,
    named: Option<Vec<String>>,
    filters: Option<Vec<Filter>>,
) -> Result<Vec<(String, T)>, Error> {
    super::ops::ensure_default_vpc(ctx).await?;
    let vpcs = tables::all::<VpcRow>(&ctx.cloud.store.snapshot(), &ctx.scope);
    let mut all: Vec<_> =
        vpcs.iter().map(|vpc| (shown::id_of(fitting.kind, vpc), (fitting.render)(vpc))).collect();
    let named = named.unwrap_or_default();
    if let Some(unknown) = named.iter().find(|id| !all.iter().any(|(known, _)| known == *id)) {
        return Err((fitting.missing)(unknown.clone()));
    }
    all.retain(|(id, _)| named.is_empty() || named.contains(id));
    let mut found = Vec::new();
    for (id, thing) in all {
        if passes(filters.as_deref(), &[], &|name| (fitting.facts)(&thing, name))? {
            found.push((id, thing));
        }
    }
    Ok(found)
}

fn tag_facts(name: &str, tags: &[Tag]) -> Option<Vec<String>> {
    let text = |part: &Option<String>| part.clone().unwrap_or_default();
    if name == "tag-key" {
        return Some(tags.iter().map(|tag| text(&tag.key)).collect());
    }
    let key = name.strip_prefix("tag:")?;
    Some(tags.iter().filter(|tag| tag.key.as_deref() == Some(key)).map(|tag| text(&tag.value)).collect())
}

/// EC2's wildcards: `*` for any text, `?` for one character, `\` before either for itself.
fn like(pattern: &str, value: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let value: Vec<char> = value.chars().collect();
    // reached[j]: the pattern so far matches the first j characters of the value.
    let mut reached = vec![false; value.len() + 1];
    reached[0] = true;
    let mut at = 0;
    while at < pattern.len() {
        let literal = pattern[at] == '\\' && at + 1 < pattern.len();
        if literal {
            at += 1;
        }
        let token = pattern[at];
        if token == '*' && !literal {
            for j in 1..reached.len() {
                reached[j] |= reached[j - 1];
            }
        } else {
            for j in (1..reached.len()).rev() {
                reached[j] = reached[j - 1] && ((token == '?' && !literal) || token == value[j - 1]);
            }
            reached[0] = false;
        }
        at += 1;
    }
    reached[value.len()]
}

/// Cuts one page out of rows that are sorted by id. Returns it with the token of the next one.
///
/// # Errors
/// `InvalidParameterValue` for a page size outside 5 to 1000 or a token that is none of ours.
pub fn page<T>(
    rows: Vec<(String, T)>,
    max_results: Option<i32>,
    token: Option<&str>,
) -> Result<(Vec<T>, Option<String>), Error> {
    let limit = match max_results {
        None => PAGE_LIMIT,
        Some(size) => usize::try_from(size).ok().filter(|size| (5..=PAGE_LIMIT).contains(size)).ok_or(
            Error::InvalidValue {
                parameter: "maxResults",
                value: size.to_string(),
                reason: "Expecting a value between 5 and 1000.",
            },
        )?,
    };
    let after = token.map(read_token).transpose()?;
    let mut rest =
        rows.into_iter().filter(|(id, _)| after.as_ref().is_none_or(|after| id > after)).peekable();
    let mut last = None;
    let mut found = Vec::new();
    while found.len() < limit {
        let Some((id, row)) = rest.next() else { break };
        last = Some(id);
        found.push(row);
    }
    let next = last.filter(|_| rest.peek().is_some()).map(|id| URL_SAFE_NO_PAD.encode(id));
    Ok((found, next))
}

fn read_token(token: &str) -> Result<String, Error> {
    let wrong = || Error::InvalidValue {
        parameter: "nextToken",
        value: token.to_owned(),
        reason: "The token was not returned by an earlier call.",
    };
    let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| wrong())?;
    String::from_utf8(bytes).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_are_ec2s() {
        for (pattern, value, expected) in [
            ("default", "default", true),
            ("def*", "default", true),
            ("*a?lt", "default", true),
            ("d?t", "default", false),
            ("", "", true),
            ("*", "", true),
            (r"a\*", "a*", true),
            (r"a\*", "ab", false),
        ] {
            assert_eq!(like(pattern, value), expected, "{pattern} on {value}");
        }
    }

    #[test]
    fn filters_join_by_and_values_by_or() {
        let filter = |name: &str, values: &[&str]| Filter {
            name: Some(name.into()),
            values: Some(values.iter().map(|v| (*v).into()).collect()),
        };
        let facts = |name: &str| (name == "vpc-id").then(|| vec!["vpc-1".to_owned()]);
        let tags = [Tag { key: Some("Name".into()), value: Some("web".into()) }];
        let check = |filters: &[Filter]| passes(Some(filters), &tags, &facts).ok();
        assert_eq!(check(&[filter("vpc-id", &["vpc-2", "vpc-1"])]), Some(true));
        assert_eq!(check(&[filter("vpc-id", &["vpc-1"]), filter("tag:Name", &["api"])]), Some(false));
        assert_eq!(check(&[filter("tag-key", &["Na*"])]), Some(true));
        assert_eq!(check(&[filter("no-such", &["x"])]), None);
    }

    #[test]
    fn pages_meet_without_gap_or_overlap() {
        let rows: Vec<_> = (0..12).map(|i| (format!("{i:02}"), i)).collect();
        let (first, token) = page(rows.clone(), Some(5), None).unwrap();
        let (second, token) = page(rows.clone(), Some(5), token.as_deref()).unwrap();
        let (third, end) = page(rows.clone(), Some(5), token.as_deref()).unwrap();
        assert_eq!([first, second, third].concat(), (0..12).collect::<Vec<_>>());
        assert_eq!(end, None);
        assert!(page(rows.clone(), Some(4), None).is_err());
        assert!(page(rows, None, Some("%%")).is_err());
    }
}
