//! From text to expression: recursive descent over the characters, `not` before `and` before `or`.
//!
//! Arguments may stand bare or in quotes. A bare one ends at a blank, a comma, a bracket, `&&`, `||` or a
//! parenthesis that it did not open, so that patterns such as `(t2|m4).*` need no quotes.

use regex::Regex;

use super::evaluate::{Span, version};
use super::{Expression, Order, QueryError, Subject, Test};

/// ECS's own limit.
const MAX_LENGTH: usize = 2000;
/// Nobody writes this by hand, and recursion must end.
const MAX_DEPTH: usize = 32;

/// Spellings of the operators; of two with the same beginning the longer comes first.
const OPERATORS: [(&str, Operator); 24] = [
    ("!exists", Operator::NotExists),
    ("not_exists", Operator::NotExists),
    ("exists", Operator::Exists),
    ("!in", Operator::NotIn),
    ("not_in", Operator::NotIn),
    ("in", Operator::In),
    ("!~", Operator::NotMatches),
    ("not_matches", Operator::NotMatches),
    ("=~", Operator::Matches),
    ("matches", Operator::Matches),
    ("==", Operator::Compare(Order::Equal)),
    ("equals", Operator::Compare(Order::Equal)),
    ("!=", Operator::Compare(Order::NotEqual)),
    ("not_equals", Operator::Compare(Order::NotEqual)),
    (">=", Operator::Compare(Order::GreaterOrEqual)),
    ("greater_than_equal", Operator::Compare(Order::GreaterOrEqual)),
    (">", Operator::Compare(Order::Greater)),
    ("greater_than", Operator::Compare(Order::Greater)),
    ("<=", Operator::Compare(Order::LessOrEqual)),
    ("less_than_equal", Operator::Compare(Order::LessOrEqual)),
    ("<", Operator::Compare(Order::Less)),
    ("less_than", Operator::Compare(Order::Less)),
    // The guide's older spellings.
    ("!equals", Operator::Compare(Order::NotEqual)),
    ("!matches", Operator::NotMatches),
];

#[derive(Clone, Copy)]
enum Operator {
    Exists,
    NotExists,
    In,
    NotIn,
    Matches,
    NotMatches,
    Compare(Order),
}

/// Reads the whole text.
pub(super) fn expression(text: &str) -> Result<Expression, QueryError> {
    if text.chars().count() > MAX_LENGTH {
        return Err(QueryError::TooLong);
    }
    let mut reader = Reader { text, at: 0 };
    let found = reader.any(0)?;
    reader.blanks();
    if reader.rest().is_empty() { Ok(found) } else { Err(reader.expected("'and', 'or' or the end")) }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn any(&mut self, depth: usize) -> Result<Expression, QueryError> {
        let mut found = self.all(depth)?;
        while self.symbol("||") || self.word("or") {
            found = Expression::Or(Box::new(found), Box::new(self.all(depth)?));
        }
        Ok(found)
    }

    fn all(&mut self, depth: usize) -> Result<Expression, QueryError> {
        let mut found = self.one(depth)?;
        while self.symbol("&&") || self.word("and") {
            found = Expression::And(Box::new(found), Box::new(self.one(depth)?));
        }
        Ok(found)
    }

    fn one(&mut self, depth: usize) -> Result<Expression, QueryError> {
        if depth > MAX_DEPTH {
            return Err(QueryError::TooDeep);
        }
        if self.symbol("!") || self.word("not") {
            return Ok(Expression::Not(Box::new(self.one(depth + 1)?)));
        }
        if self.symbol("(") {
            let inner = self.any(depth + 1)?;
            return if self.symbol(")") { Ok(inner) } else { Err(self.expected("')'")) };
        }
        let subject = self.subject()?;
        let test = self.test(&subject)?;
        Ok(Expression::Is(subject, test))
    }

    fn subject(&mut self) -> Result<Subject, QueryError> {
        self.blanks();
        let end = |c: char| c.is_whitespace() || "=!<>()[],'\"&|~".contains(c);
        let word = &self.rest()[..self.rest().find(end).unwrap_or(self.rest().len())];
        let subject = match word {
            "" => return Err(self.expected("a subject")),
            "agentConnected" => Subject::AgentConnected,
            "agentVersion" => Subject::AgentVersion,
            "ec2InstanceId" => Subject::Ec2InstanceId,
            "registeredAt" => Subject::RegisteredAt,
            "runningTasksCount" => Subject::RunningTasksCount,
            "task:group" => Subject::TaskGroup,
            _ => match word.strip_prefix("attribute:").filter(|name| !name.is_empty()) {
                Some(name) => Subject::Attribute(name.to_owned()),
                None => return Err(QueryError::Subject(word.to_owned())),
            },
        };
        self.at += word.len();
        Ok(subject)
    }

    fn test(&mut self, subject: &Subject) -> Result<Test, QueryError> {
        self.blanks();
        let found = OPERATORS.iter().find(|(spelling, _)| self.starts(spelling));
        let Some((spelling, operator)) = found else { return Err(self.expected("an operator")) };
        self.at += spelling.len();
        let mut one = || self.argument();
        Ok(match operator {
            Operator::Exists => Test::Exists,
            Operator::NotExists => Test::NotExists,
            Operator::Compare(order) => Test::Compares(*order, fits(subject, one()?)?),
            Operator::Matches => Test::Matches(pattern(one()?)?),
            Operator::NotMatches => Test::NotMatches(pattern(one()?)?),
            Operator::In => Test::In(self.list(subject)?),
            Operator::NotIn => Test::NotIn(self.list(subject)?),
        })
    }

    fn list(&mut self, subject: &Subject) -> Result<Vec<String>, QueryError> {
        if !self.symbol("[") {
            return Err(self.expected("'['"));
        }
        let mut all = Vec::new();
        loop {
            all.push(fits(subject, self.argument()?)?);
            if self.symbol("]") {
                return Ok(all);
            }
            if !self.symbol(",") {
                return Err(self.expected("',' or ']'"));
            }
        }
    }

    fn argument(&mut self) -> Result<String, QueryError> {
        self.blanks();
        let quote = self.rest().chars().next().filter(|c| matches!(c, '\'' | '"'));
        if let Some(quote) = quote {
            let inside = &self.rest()[1..];
            let Some(end) = inside.find(quote) else { return Err(self.expected("a closing quote")) };
            self.at += end + 2;
            return Ok(inside[..end].to_owned());
        }
        let bare = bare(self.rest());
        self.at += bare.len();
        if bare.is_empty() { Err(self.expected("a value")) } else { Ok(bare.to_owned()) }
    }

    /// Takes `symbol` if it comes next.
    fn symbol(&mut self, symbol: &str) -> bool {
        self.blanks();
        // The `!` of an operator belongs to its subject, which has been read by then.
        let found = self.rest().starts_with(symbol);
        self.at += if found { symbol.len() } else { 0 };
        found
    }

    /// Takes `word`, in any case, if it comes next and ends there.
    fn word(&mut self, word: &str) -> bool {
        self.blanks();
        let found = self.rest().get(..word.len()).is_some_and(|next| next.eq_ignore_ascii_case(word))
            && self.rest()[word.len()..].chars().next().is_none_or(|c| c.is_whitespace() || c == '(');
        self.at += if found { word.len() } else { 0 };
        found
    }

    /// Whether an operator comes next; one of letters must end there.
    fn starts(&self, spelling: &str) -> bool {
        let Some(after) = self.rest().strip_prefix(spelling) else { return false };
        let letters = spelling.ends_with(|c: char| c.is_ascii_alphabetic());
        !letters || after.chars().next().is_none_or(|c| !c.is_ascii_alphanumeric() && c != '_')
    }

    fn blanks(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start().len();
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn expected(&self, expected: &'static str) -> QueryError {
        QueryError::Expected { expected, at: self.text[..self.at].chars().count() + 1 }
    }
}

/// The bare argument at the beginning of `text`.
fn bare(text: &str) -> &str {
    let (mut depth, mut before) = (0usize, ' ');
    for (at, c) in text.char_indices() {
        let ends = match c {
            '(' => {
                depth += 1;
                false
            }
            ')' if depth > 0 => {
                depth -= 1;
                false
            }
            ')' | ',' | ']' => depth == 0,
            '&' | '|' if c == before => return &text[..at - 1],
            c => c.is_whitespace(),
        };
        if ends {
            return &text[..at];
        }
        before = c;
    }
    text
}

/// Whether a value can be compared with its subject.
fn fits(subject: &Subject, value: String) -> Result<String, QueryError> {
    let expected = match subject {
        Subject::AgentConnected if value.parse::<bool>().is_err() => "true or false",
        Subject::AgentVersion if version(&value).is_none() => "a version such as 1.2.3",
        Subject::RegisteredAt if Span::parse(&value).is_none() => "a date such as 2018-06-18T22:28:28Z",
        Subject::RunningTasksCount if value.parse::<u32>().is_err() => "a number",
        Subject::AgentConnected
        | Subject::AgentVersion
        | Subject::Attribute(_)
        | Subject::Ec2InstanceId
        | Subject::RegisteredAt
        | Subject::RunningTasksCount
        | Subject::TaskGroup => return Ok(value),
    };
    Err(QueryError::Argument { value, expected })
}

/// Java's `matches` wants the whole value.
fn pattern(value: String) -> Result<Regex, QueryError> {
    let refused = QueryError::Argument { value: value.clone(), expected: "a regular expression" };
    Regex::new(&format!("^(?:{value})$")).map_err(|_| refused)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str, expected: &str) {
        assert_eq!(expression(text).map(|_| ()).unwrap_err().to_string(), expected, "{text}");
    }

    #[test]
    fn what_is_no_expression_is_refused_with_its_place() {
        refused("", "expected a subject at character 1");
        refused("attribute:a", "expected an operator at character 12");
        refused("attribute:a ==", "expected a value at character 15");
        refused("attribute:a == b c", "expected 'and', 'or' or the end at character 18");
        refused("(attribute:a == b", "expected ')' at character 18");
        refused("attribute:a in b", "expected '[' at character 16");
        refused("attribute:a in [b", "expected ',' or ']' at character 18");
        refused("attribute:a == 'b", "expected a closing quote at character 16");
        refused("colour == red", "unknown subject 'colour'");
        refused("attribute: == red", "unknown subject 'attribute:'");
        refused("runningTasksCount > many", "'many' is not a number");
        refused("registeredAt > yesterday", "'yesterday' is not a date such as 2018-06-18T22:28:28Z");
        refused("attribute:a =~ [", "'[' is not a regular expression");
        refused(&format!("attribute:a == {}", "x".repeat(2000)), "an expression has at most 2000 characters");
        refused(&"(".repeat(100), "parentheses are nested too deeply");
        refused(&"!".repeat(100), "parentheses are nested too deeply");
    }

    #[test]
    fn any_text_is_parsed_or_refused() {
        // Prefixes and single changes of a long expression: none may panic.
        let whole = "not (attribute:a =~ (x|y).* || task:group !in ['ä', b]) and registeredAt >= 2018-06-18 && !ec2InstanceId exists";
        assert!(expression(whole).is_ok());
        for end in (0..whole.len()).filter(|end| whole.is_char_boundary(*end)) {
            let _ = expression(&whole[..end]);
            let _ = expression(&whole[end..]);
        }
    }
}
