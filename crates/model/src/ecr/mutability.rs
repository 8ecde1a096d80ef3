//! Whether a repository's tags may be moved, and which tags are excepted.

use serde::{Deserialize, Serialize};

use super::ImageTag;

/// The rule for a repository's tags.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Mutability {
    /// A push moves the tag.
    #[default]
    Mutable,
    /// A tag stays where it was first put.
    Immutable,
    /// Immutable, but tags that match a filter are mutable.
    ImmutableWithExclusion,
    /// Mutable, but tags that match a filter are immutable.
    MutableWithExclusion,
}

impl Mutability {
    /// Every value, in the order in which ECR lists them.
    pub const ALL: [Mutability; 4] = [
        Mutability::Mutable,
        Mutability::Immutable,
        Mutability::ImmutableWithExclusion,
        Mutability::MutableWithExclusion,
    ];

    /// The value as ECR writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Mutability::Mutable => "MUTABLE",
            Mutability::Immutable => "IMMUTABLE",
            Mutability::ImmutableWithExclusion => "IMMUTABLE_WITH_EXCLUSION",
            Mutability::MutableWithExclusion => "MUTABLE_WITH_EXCLUSION",
        }
    }

    /// The value of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|value| value.as_str() == name)
    }

    /// Whether the value is one that takes exclusion filters.
    pub const fn takes_filters(self) -> bool {
        matches!(self, Mutability::ImmutableWithExclusion | Mutability::MutableWithExclusion)
    }
}

/// A wildcard over tags: `*` stands for any number of characters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ExclusionFilter(String);

impl ExclusionFilter {
    /// The most filters that a repository takes.
    pub const MAX_PER_REPOSITORY: usize = 5;
    /// The most wildcards in one filter.
    pub const MAX_WILDCARDS: usize = 2;

    /// Parses a filter: 1 to 128 characters of `[0-9a-zA-Z._*-]`, at most two of them wildcards.
    pub fn new(raw: &str) -> Option<Self> {
        let fits = (1..=128).contains(&raw.len())
            && raw.bytes().all(|b| b.is_ascii_alphanumeric() || b"._*-".contains(&b))
            && raw.bytes().filter(|b| *b == b'*').count() <= Self::MAX_WILDCARDS;
        fits.then(|| ExclusionFilter(raw.to_owned()))
    }

    /// The filter as it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether `tag` matches.
    pub fn matches(&self, tag: &ImageTag) -> bool {
        matches_wildcard(&self.0, tag.as_str())
    }
}

/// Whether `text` matches `pattern`, in which `*` stands for any number of characters.
///
/// Greedy, with one remembered star: at worst the product of both lengths, which are short.
pub fn matches_wildcard(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        if p < pattern.len() && pattern[p] == b'*' {
            star = Some((p, t));
            p += 1;
        } else if p < pattern.len() && pattern[p] == text[t] {
            p += 1;
            t += 1;
        } else if let Some((at, from)) = star {
            star = Some((at, from + 1));
            p = at + 1;
            t = from + 1;
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|b| *b == b'*')
}

/// A repository's whole rule: the mode and its exceptions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TagMutability {
    /// The mode.
    pub mode: Mutability,
    /// The exceptions; empty unless the mode takes filters.
    pub exclusions: Vec<ExclusionFilter>,
}

impl TagMutability {
    /// Whether `tag` may be moved from one image to another.
    pub fn may_move(&self, tag: &ImageTag) -> bool {
        let excepted = || self.exclusions.iter().any(|filter| filter.matches(tag));
        match self.mode {
            Mutability::Mutable => true,
            Mutability::Immutable => false,
            Mutability::ImmutableWithExclusion => excepted(),
            Mutability::MutableWithExclusion => !excepted(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_match_any_run() {
        for (filter, tag, expected) in [
            ("latest", "latest", true),
            ("latest", "latest2", false),
            ("dev-*", "dev-1", true),
            ("dev-*", "dev-", true),
            ("*-rc*", "v1-rc2", true),
            ("*-rc*", "v1", false),
            ("*", "anything", true),
            ("a*a", "a", false),
            ("a*ab", "aaab", true),
        ] {
            let filter = ExclusionFilter::new(filter).unwrap();
            assert_eq!(filter.matches(&tag.parse().unwrap()), expected, "{filter:?} {tag}");
        }
    }

    #[test]
    fn filters_have_limits() {
        assert!(ExclusionFilter::new("").is_none());
        assert!(ExclusionFilter::new("a b").is_none());
        assert!(ExclusionFilter::new("*a*b*").is_none());
        assert!(ExclusionFilter::new(&"a".repeat(129)).is_none());
    }

    #[test]
    fn exclusions_turn_the_mode_around() {
        let rule = |mode| TagMutability { mode, exclusions: vec![ExclusionFilter::new("dev*").unwrap()] };
        let (dev, prod): (ImageTag, ImageTag) = ("dev1".parse().unwrap(), "v1".parse().unwrap());
        let immutable = rule(Mutability::ImmutableWithExclusion);
        assert_eq!((immutable.may_move(&dev), immutable.may_move(&prod)), (true, false));
        let mutable = rule(Mutability::MutableWithExclusion);
        assert_eq!((mutable.may_move(&dev), mutable.may_move(&prod)), (false, true));
    }
}
