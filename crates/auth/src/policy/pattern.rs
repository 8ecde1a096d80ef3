//! Patterns with `*`, `?` and policy variables, matched without recursion.

use super::evaluate::Request;

/// A pattern of a policy, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pattern(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    /// Text that stands for itself.
    Text(String),
    /// `${key}` or `${key, 'default'}`.
    Variable { key: String, default: Option<String> },
}

/// One step of a pattern whose variables have been filled in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token {
    Letter(char),
    One,
    Any,
}

impl Pattern {
    /// Reads a pattern; variables exist since policy version 2012-10-17.
    pub(super) fn parse(text: &str, variables: bool) -> Pattern {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${").filter(|_| variables) {
            let Some((inner, after)) = after.split_once('}') else { break };
            parts.push(Part::Text(before.to_owned()));
            let (key, default) = match inner.split_once(',') {
                Some((key, default)) => (key, Some(default.trim().trim_matches('\'').to_owned())),
                None => (inner, None),
            };
            parts.push(Part::Variable { key: key.trim().to_ascii_lowercase(), default });
            rest = after;
        }
        parts.push(Part::Text(rest.to_owned()));
        Pattern(parts)
    }

    /// Whether the pattern can stand for resources: an ARN, `*`, or what only a variable tells.
    pub(super) fn may_be_resource(&self) -> bool {
        match self.0.as_slice() {
            [Part::Text(text)] => {
                text.starts_with('*') || (text.starts_with("arn:") && text.matches(':').count() >= 5)
            }
            [Part::Text(text), ..] => text.is_empty() || text.starts_with('*') || text.starts_with("arn:"),
            _variables => true,
        }
    }

    /// The pattern as it was written, near enough for a message.
    pub(super) fn source(&self) -> String {
        let part = |part: &Part| match part {
            Part::Text(text) => text.clone(),
            Part::Variable { key, .. } => format!("${{{key}}}"),
        };
        self.0.iter().map(part).collect()
    }

    /// Whether the whole of `text` matches, `*` and `?` standing for others.
    pub(super) fn matches(&self, text: &str, request: &Request<'_>) -> bool {
        self.tokens(request, true).is_some_and(|tokens| glob(&tokens, text))
    }

    /// Whether the whole of `text` matches, apart from the case of its letters.
    pub(super) fn matches_any_case(&self, text: &str, request: &Request<'_>) -> bool {
        let Some(mut tokens) = self.tokens(request, true) else { return false };
        for token in &mut tokens {
            if let Token::Letter(letter) = token {
                *letter = letter.to_ascii_lowercase();
            }
        }
        glob(&tokens, &text.to_ascii_lowercase())
    }

    /// Whether an ARN matches part by part: a `*` does not reach over the first five colons.
    pub(super) fn matches_arn(&self, arn: &str, request: &Request<'_>) -> bool {
        let Some(tokens) = self.tokens(request, true) else { return false };
        let wanted: Vec<&[Token]> = tokens.splitn(6, |token| *token == Token::Letter(':')).collect();
        let given: Vec<&str> = arn.splitn(6, ':').collect();
        wanted.len() == given.len() && wanted.iter().zip(given).all(|(tokens, part)| glob(tokens, part))
    }

    /// The text with its variables filled in; none if one has no value.
    pub(super) fn text(&self, request: &Request<'_>) -> Option<String> {
        let letter = |token: Token| match token {
            Token::Letter(letter) => letter,
            Token::One => '?',
            Token::Any => '*',
        };
        Some(self.tokens(request, false)?.into_iter().map(letter).collect())
    }

    fn tokens(&self, request: &Request<'_>, wildcards: bool) -> Option<Vec<Token>> {
        let mut tokens = Vec::new();
        for part in &self.0 {
            match part {
                Part::Text(text) => tokens.extend(text.chars().map(|letter| match letter {
                    '*' if wildcards => Token::Any,
                    '?' if wildcards => Token::One,
                    letter => Token::Letter(letter),
                })),
                // `${*}`, `${?}` and `${$}` stand for the characters themselves.
                Part::Variable { key, .. } if matches!(key.as_str(), "*" | "?" | "$") => {
                    tokens.extend(key.chars().map(Token::Letter));
                }
                Part::Variable { key, default } => {
                    let value = match request.values(key) {
                        Some([only]) => only,
                        Some(_) | None => default.as_ref()?,
                    };
                    // What a variable brings is text: a name with a star in it opens nothing.
                    tokens.extend(value.chars().map(Token::Letter));
                }
            }
        }
        Some(tokens)
    }
}

/// Matches with one point of return: the last `*`. At worst the product of both lengths.
fn glob(tokens: &[Token], text: &str) -> bool {
    let text: Vec<char> = text.chars().collect();
    let (mut at, mut seen) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while seen < text.len() {
        match tokens.get(at) {
            Some(Token::Any) => {
                star = Some((at, seen));
                at += 1;
            }
            Some(Token::One) => (at, seen) = (at + 1, seen + 1),
            Some(Token::Letter(letter)) if *letter == text[seen] => (at, seen) = (at + 1, seen + 1),
            Some(Token::Letter(_)) | None => match star {
                Some((place, from)) => {
                    star = Some((place, from + 1));
                    (at, seen) = (place + 1, from + 1);
                }
                None => return false,
            },
        }
    }
    tokens[at..].iter().all(|token| *token == Token::Any)
}

#[cfg(test)]
mod tests {
    use super::super::evaluate::tests::request;
    use super::*;

    #[test]
    fn stars_and_question_marks() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("*", "anything", true),
            ("ecs:Run*", "ecs:RunTask", true),
            ("ecs:*Task", "ecs:RunTask", true),
            ("ecs:?unTask", "ecs:RunTask", true),
            ("ecs:Run", "ecs:RunTask", false),
            ("a*b*c", "aXbYbZc", true),
            ("a*b*c", "aXbYbZ", false),
            ("a*a*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false),
        ] {
            assert_eq!(Pattern::parse(pattern, true).matches(text, &request()), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn variables_bring_text_and_no_wildcards() {
        let with = |value: &'static str, pattern: &str, text: &str| {
            let context = [("aws:username".to_owned(), vec![value.to_owned()])].into();
            let request = Request { context: &context, ..request() };
            Pattern::parse(pattern, true).matches(text, &request)
        };
        assert!(with("eve", "home/${aws:UserName}/*", "home/eve/x"));
        assert!(!with("*", "home/${aws:username}/*", "home/eve/x"));
        assert!(!with("eve", "home/${aws:missing}/*", "home//x"));
        assert!(with("eve", "home/${aws:missing, 'nobody'}/*", "home/nobody/x"));
        assert!(with("eve", "a${*}b", "a*b") && !with("eve", "a${*}b", "aXb"));
        assert!(Pattern::parse("${x}", false).matches("${x}", &request()));
    }

    #[test]
    fn arns_match_part_by_part() {
        let check = |pattern, arn, expected| {
            assert_eq!(Pattern::parse(pattern, true).matches_arn(arn, &request()), expected, "{pattern}");
        };
        let cluster = "arn:aws:ecs:us-east-2:123456789012:cluster/web";
        check("arn:aws:ecs:*:123456789012:cluster/*", cluster, true);
        check("arn:aws:ecs:us-*:*:cluster/w?b", cluster, true);
        check("arn:*:cluster/web", cluster, false);
        check("arn:aws:logs:*:*:log-group:*", "arn:aws:logs:r:a:log-group:/x:*", true);
    }
}
