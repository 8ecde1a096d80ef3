//! A form body: its pairs, and the tree that their dotted names make.

use std::collections::BTreeMap;

use percent_encoding::percent_decode;

use super::super::{Error, MAX_DEPTH};

/// How many parameters a request may have.
const MAX_PARAMETERS: usize = 20_000;

/// A parsed `application/x-www-form-urlencoded` body.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Form {
    pairs: Vec<(String, String)>,
}

/// A node of the tree: `A.1.B=x` is `A`, then `1`, then `B` with a value.
#[derive(Debug, Default)]
pub(in super::super) struct Node<'f> {
    /// The parameter's own value.
    pub value: Option<&'f str>,
    /// What follows the next dot.
    pub children: BTreeMap<&'f str, Node<'f>>,
}

impl Form {
    /// Parses a form. Text that is not UTF-8 is refused.
    pub fn parse(body: &[u8]) -> Result<Self, Error> {
        let mut pairs = Vec::new();
        for pair in body.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
            if pairs.len() == MAX_PARAMETERS {
                return Err(Error::syntax("Too many parameters"));
            }
            let at = pair.iter().position(|byte| *byte == b'=').unwrap_or(pair.len());
            pairs.push((unescape(&pair[..at])?, unescape(pair.get(at + 1..).unwrap_or_default())?));
        }
        Ok(Self { pairs })
    }

    /// A form from a query string's or a body's decoded pairs.
    pub fn from_pairs(pairs: impl IntoIterator<Item = (String, String)>) -> Self {
        Self { pairs: pairs.into_iter().collect() }
    }

    /// The value of the parameter `name`; the first one where it is repeated.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The operation that is asked for.
    pub fn action(&self) -> Option<&str> {
        self.get("Action")
    }

    /// The API version that is asked for.
    pub fn version(&self) -> Option<&str> {
        self.get("Version")
    }

    /// The parameters as a tree. The last one wins where a name is repeated.
    pub(in super::super) fn tree(&self) -> Result<Node<'_>, Error> {
        let mut root = Node::default();
        for (name, value) in &self.pairs {
            let mut node = &mut root;
            for (depth, part) in name.split('.').enumerate() {
                if depth > 2 * MAX_DEPTH {
                    return Err(Error::Depth);
                }
                node = node.children.entry(part).or_default();
            }
            node.value = Some(value);
        }
        Ok(root)
    }
}

impl<'f> Node<'f> {
    /// The children whose names are numbers, in the numbers' order.
    pub(in super::super) fn numbered(&self) -> Vec<&Node<'f>> {
        let numbered = |(name, node)| Some((str::parse::<u64>(name).ok()?, node));
        let mut nodes: Vec<(u64, &Node<'f>)> =
            self.children.iter().filter_map(|(name, node)| numbered((*name, node))).collect();
        nodes.sort_by_key(|(number, _)| *number);
        nodes.into_iter().map(|(_, node)| node).collect()
    }
}

fn unescape(bytes: &[u8]) -> Result<String, Error> {
    let spaced: Vec<u8> = bytes.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
    let text =
        percent_decode(&spaced).decode_utf8().map_err(|_| Error::syntax("Invalid UTF-8 in a parameter"))?;
    Ok(text.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_unescaped() {
        let form = Form::parse(b"Action=Do%20It&&A+B=c%2Bd&Empty").expect("a form");
        assert_eq!(form.action(), Some("Do It"));
        assert_eq!(form.get("A B"), Some("c+d"));
        assert_eq!(form.get("Empty"), Some(""));
        assert!(Form::parse(b"A=%ff").is_err());
    }

    #[test]
    fn numbers_are_order_not_size() {
        let form = Form::parse(b"L.10=b&L.9=a&L.18446744073709551615=c&L.x=d").expect("a form");
        let tree = form.tree().expect("a tree");
        let values: Vec<_> = tree.children["L"].numbered().iter().map(|node| node.value).collect();
        assert_eq!(values, [Some("a"), Some("b"), Some("c")]);
    }
}
