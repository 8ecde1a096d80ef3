//! The tokens of a JSON text (RFC 8259), read strictly and one at a time.

use std::borrow::Cow;

use super::super::{Error, MAX_DEPTH};

/// A place in a JSON text.
#[derive(Clone, Debug)]
pub struct Tokens<'b> {
    text: &'b str,
    at: usize,
}

/// What a value begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Token {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A digit or a minus sign.
    Number,
    /// A quote.
    Text,
    /// `[`
    Array,
    /// `{`
    Object,
}

impl<'b> Tokens<'b> {
    /// The tokens of `body`, which must be UTF-8.
    pub fn new(body: &'b [u8]) -> Result<Self, Error> {
        let text = std::str::from_utf8(body).map_err(|_| Error::syntax("Invalid UTF-8 in the request"))?;
        Ok(Self { text, at: 0 })
    }

    /// What the next value is. Literals are consumed, everything else is not.
    pub fn value(&mut self) -> Result<Token, Error> {
        let (token, literal) = match self.peek()? {
            b'n' => (Token::Null, "null"),
            b't' => (Token::Bool(true), "true"),
            b'f' => (Token::Bool(false), "false"),
            b'"' => return Ok(Token::Text),
            b'[' => return Ok(Token::Array),
            b'{' => return Ok(Token::Object),
            b'-' | b'0'..=b'9' => return Ok(Token::Number),
            _ => return Err(self.unexpected()),
        };
        if !self.text[self.at..].starts_with(literal) {
            return Err(self.unexpected());
        }
        self.at += literal.len();
        Ok(token)
    }

    /// Enters an array or an object.
    pub fn enter(&mut self) {
        self.at += 1;
    }

    /// Whether another item follows before `close`; consumes the comma or the close.
    pub fn more(&mut self, close: u8, first: &mut bool) -> Result<bool, Error> {
        let next = self.peek()?;
        if next == close {
            self.at += 1;
            return Ok(false);
        }
        if !std::mem::take(first) {
            self.expect(b',')?;
            if self.peek()? == close {
                return Err(self.unexpected());
            }
        }
        Ok(true)
    }

    /// An object's key and its colon.
    pub fn key(&mut self) -> Result<Cow<'b, str>, Error> {
        if self.peek()? != b'"' {
            return Err(self.unexpected());
        }
        let key = self.text()?;
        self.expect(b':')?;
        Ok(key)
    }

    /// A string. Borrowed when it has no escapes.
    pub fn text(&mut self) -> Result<Cow<'b, str>, Error> {
        self.at += 1;
        let mut out = String::new();
        let mut start = self.at;
        loop {
            match self.text.as_bytes().get(self.at) {
                Some(b'"') => {
                    let last = &self.text[start..self.at];
                    self.at += 1;
                    return Ok(if out.is_empty() { Cow::Borrowed(last) } else { Cow::Owned(out + last) });
                }
                Some(b'\\') => {
                    out.push_str(&self.text[start..self.at]);
                    out.push(self.escape()?);
                    start = self.at;
                }
                Some(0..0x20) => return Err(self.unexpected()),
                Some(_) => self.at += 1,
                None => return Err(self.unexpected()),
            }
        }
    }

    /// The character that an escape stands for.
    fn escape(&mut self) -> Result<char, Error> {
        let letter = self.text.as_bytes().get(self.at + 1).copied();
        let plain = match letter {
            Some(b @ (b'"' | b'\\' | b'/')) => b.into(),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode(),
            _ => return Err(self.unexpected()),
        };
        self.at += 2;
        Ok(plain)
    }

    /// `\uXXXX`, or the two of a surrogate pair.
    fn unicode(&mut self) -> Result<char, Error> {
        let high = self.unit()?;
        let code = match high {
            0xd800..=0xdbff => match self.unit()? {
                low @ 0xdc00..=0xdfff => 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00),
                _ => return Err(self.unexpected()),
            },
            _ => high,
        };
        char::from_u32(code).ok_or_else(|| self.unexpected())
    }

    fn unit(&mut self) -> Result<u32, Error> {
        let digits =
            self.text.as_bytes().get(self.at..self.at + 6).and_then(|unit| unit.strip_prefix(b"\\u"));
        let mut code = 0;
        for digit in digits.ok_or_else(|| self.unexpected())? {
            let digit = char::from(*digit).to_digit(16).ok_or_else(|| self.unexpected())?;
            code = code << 4 | digit;
        }
        self.at += 6;
        Ok(code)
    }

    /// A number's text, which is both JSON's and Rust's.
    pub fn number(&mut self) -> Result<&'b str, Error> {
        let start = self.at;
        self.accept(b"-");
        if !self.accept(b"0") {
            self.digits()?;
        }
        if self.accept(b".") {
            self.digits()?;
        }
        if self.accept(b"eE") {
            self.accept(b"+-");
            self.digits()?;
        }
        Ok(&self.text[start..self.at])
    }

    fn digits(&mut self) -> Result<(), Error> {
        let start = self.at;
        while self.accept(b"0123456789") {}
        if self.at == start { Err(self.unexpected()) } else { Ok(()) }
    }

    /// Passes over a value that no member wants.
    pub fn skip(&mut self, depth: usize) -> Result<(), Error> {
        if depth > MAX_DEPTH {
            return Err(Error::Depth);
        }
        let mut first = true;
        match self.value()? {
            Token::Null | Token::Bool(_) => {}
            Token::Number => drop(self.number()?),
            Token::Text => drop(self.text()?),
            Token::Array => {
                self.enter();
                while self.more(b']', &mut first)? {
                    self.skip(depth + 1)?;
                }
            }
            Token::Object => {
                self.enter();
                while self.more(b'}', &mut first)? {
                    self.key()?;
                    self.skip(depth + 1)?;
                }
            }
        }
        Ok(())
    }

    /// Fails unless only white space is left.
    pub fn end(&mut self) -> Result<(), Error> {
        match self.peek() {
            Err(_) => Ok(()),
            Ok(_) => Err(self.unexpected()),
        }
    }

    fn peek(&mut self) -> Result<u8, Error> {
        while self.accept(b" \t\r\n") {}
        self.text.as_bytes().get(self.at).copied().ok_or_else(|| self.unexpected())
    }

    fn expect(&mut self, byte: u8) -> Result<(), Error> {
        if self.peek()? != byte {
            return Err(self.unexpected());
        }
        self.at += 1;
        Ok(())
    }

    /// Consumes the next byte if it is one of `bytes`.
    fn accept(&mut self, bytes: &[u8]) -> bool {
        let found = self.text.as_bytes().get(self.at).is_some_and(|byte| bytes.contains(byte));
        self.at += usize::from(found);
        found
    }

    fn unexpected(&self) -> Error {
        match self.text.as_bytes().get(self.at) {
            None => Error::syntax("Unexpected end-of-input"),
            Some(_) => Error::syntax(format!("Unexpected character at byte {}", self.at)),
        }
    }
}
