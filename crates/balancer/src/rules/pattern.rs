//! ELB's patterns: `*` stands for any bytes, `?` for one.

/// Whether letters are told apart by case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Case {
    /// `a` is not `A`.
    Matters,
    /// `a` is `A`.
    Folded,
}

/// What a backslash is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Escape {
    /// A byte as any other.
    None,
    /// It takes the meaning from the byte behind it.
    Backslash,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token {
    Byte(u8),
    One,
    Many,
}

/// A compiled pattern.
#[derive(Clone, Debug)]
pub struct Pattern {
    tokens: Box<[Token]>,
    case: Case,
}

impl Pattern {
    /// Compiles a pattern; there is none that does not compile.
    pub fn new(text: &str, case: Case, escape: Escape) -> Pattern {
        let mut tokens: Vec<Token> = Vec::with_capacity(text.len());
        let mut bytes = text.bytes();
        while let Some(byte) = bytes.next() {
            let token = match (byte, escape) {
                (b'*', _) => Token::Many,
                (b'?', _) => Token::One,
                (b'\\', Escape::Backslash) => Token::Byte(bytes.next().unwrap_or(b'\\')),
                (byte, _) => Token::Byte(byte),
            };
            // Two stars are one, and cost twice.
            if !(token == Token::Many && tokens.last() == Some(&Token::Many)) {
                tokens.push(fold_token(token, case));
            }
        }
        Pattern { tokens: tokens.into(), case }
    }

    /// Whether all of `text` fits.
    pub fn matches(&self, text: &[u8]) -> bool {
        let (mut at, mut token) = (0, 0);
        // Where to go back to: behind the last star, with one byte more for it.
        let mut retry: Option<(usize, usize)> = None;
        while at < text.len() {
            let byte = fold(text[at], self.case);
            match self.tokens.get(token) {
                Some(Token::Many) => {
                    retry = Some((token + 1, at));
                    token += 1;
                    continue;
                }
                Some(Token::One) => {}
                Some(Token::Byte(wanted)) if *wanted == byte => {}
                Some(Token::Byte(_)) | None => match retry {
                    Some((behind, from)) => {
                        retry = Some((behind, from + 1));
                        (token, at) = (behind, from + 1);
                        continue;
                    }
                    None => return false,
                },
            }
            token += 1;
            at += 1;
        }
        self.tokens[token..].iter().all(|token| *token == Token::Many)
    }
}

fn fold_token(token: Token, case: Case) -> Token {
    match token {
        Token::Byte(byte) => Token::Byte(fold(byte, case)),
        Token::One | Token::Many => token,
    }
}

fn fold(byte: u8, case: Case) -> u8 {
    match case {
        Case::Matters => byte,
        Case::Folded => byte.to_ascii_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, text: &str, expected: bool) {
        let got = Pattern::new(pattern, Case::Matters, Escape::None).matches(text.as_bytes());
        assert_eq!(got, expected, "{pattern} on {text}");
    }

    #[test]
    fn wildcards_stand_for_what_elb_says() {
        check("/img/*", "/img/", true);
        check("/img/*", "/img/a/b", true);
        check("/img/*", "/img", false);
        check("/img/*/pics", "/img/a/b/pics", true);
        check("/img/*/pics", "/img/a/pics/", false);
        check("*.example.com", "test.example.com", true);
        check("*.example.com", "example.com", false);
        check("a?c", "abc", true);
        check("a?c", "ac", false);
        check("a?c", "abbc", false);
        check("*", "", true);
        check("", "", true);
        check("", "a", false);
        check("**a**", "bab", true);
        check("*aab", "aaaab", true);
        check("*a*b*c", "xxaxxbxxbxc", true);
        check("/API", "/api", false);
    }

    #[test]
    fn case_and_backslashes_count_where_they_should() {
        let folded = Pattern::new("*.EXAMPLE.com", Case::Folded, Escape::None);
        assert!(folded.matches(b"a.example.COM"));
        let escaped = Pattern::new(r"a\*b\?", Case::Folded, Escape::Backslash);
        assert!(escaped.matches(b"A*B?"));
        assert!(!escaped.matches(b"axxb?"));
        assert!(Pattern::new(r"a\*", Case::Matters, Escape::None).matches(br"a\xyz"));
    }

    #[test]
    fn a_hostile_text_costs_no_more_than_its_square() {
        let pattern = Pattern::new("*a*a*a*a*a*a*a*a*b", Case::Matters, Escape::None);
        assert!(!pattern.matches("a".repeat(5000).as_bytes()));
    }
}
