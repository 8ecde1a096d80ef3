//! Conditions joined by `&&`, `||` and parentheses; `&&` binds tighter.

use crate::need::Need;
use crate::pattern::error::PatternError;
use crate::pattern::scanner::Scanner;

/// The deepest nesting of parentheses.
const DEPTH_MAX: usize = 32;

/// An expression over conditions of type `T`.
#[derive(Debug)]
pub(super) enum Expression<T> {
    One(T),
    All(Vec<Expression<T>>),
    Any(Vec<Expression<T>>),
}

impl<T> Expression<T> {
    /// Parses an expression whose conditions `one` parses.
    pub(super) fn parse(
        scanner: &mut Scanner<'_>,
        one: &mut dyn FnMut(&mut Scanner<'_>) -> Result<T, PatternError>,
    ) -> Result<Self, PatternError> {
        any(scanner, one, 0)
    }

    pub(super) fn holds(&self, test: &dyn Fn(&T) -> bool) -> bool {
        match self {
            Expression::One(condition) => test(condition),
            Expression::All(all) => all.iter().all(|part| part.holds(test)),
            Expression::Any(any) => any.iter().any(|part| part.holds(test)),
        }
    }

    pub(super) fn need(&self, of_one: &dyn Fn(&T) -> Need) -> Need {
        match self {
            Expression::One(condition) => of_one(condition),
            Expression::All(all) => Need::All(all.iter().map(|part| part.need(of_one)).collect()),
            Expression::Any(any) => Need::Any(any.iter().map(|part| part.need(of_one)).collect()),
        }
    }

    pub(super) fn visit<'e>(&'e self, each: &mut dyn FnMut(&'e T)) {
        match self {
            Expression::One(condition) => each(condition),
            Expression::All(parts) | Expression::Any(parts) => {
                parts.iter().for_each(|part| part.visit(each));
            }
        }
    }
}

type One<'o, T> = &'o mut dyn FnMut(&mut Scanner<'_>) -> Result<T, PatternError>;

fn any<T>(scanner: &mut Scanner<'_>, one: One<'_, T>, depth: usize) -> Result<Expression<T>, PatternError> {
    let mut parts = vec![all(scanner, one, depth)?];
    loop {
        scanner.skip_space();
        if !scanner.eat("||") {
            break;
        }
        parts.push(all(scanner, one, depth)?);
    }
    Ok(single(parts).unwrap_or_else(Expression::Any))
}

fn all<T>(scanner: &mut Scanner<'_>, one: One<'_, T>, depth: usize) -> Result<Expression<T>, PatternError> {
    let mut parts = vec![group(scanner, one, depth)?];
    loop {
        scanner.skip_space();
        if !scanner.eat("&&") {
            break;
        }
        parts.push(group(scanner, one, depth)?);
    }
    Ok(single(parts).unwrap_or_else(Expression::All))
}

fn group<T>(scanner: &mut Scanner<'_>, one: One<'_, T>, depth: usize) -> Result<Expression<T>, PatternError> {
    scanner.skip_space();
    if !scanner.eat("(") {
        return one(scanner).map(Expression::One);
    }
    if depth == DEPTH_MAX {
        return Err(PatternError::Invalid);
    }
    let inside = any(scanner, one, depth + 1)?;
    scanner.skip_space();
    if scanner.eat(")") { Ok(inside) } else { Err(PatternError::Invalid) }
}

/// The only part, or all of them back.
fn single<T>(mut parts: Vec<Expression<T>>) -> Result<Expression<T>, Vec<Expression<T>>> {
    match parts.pop() {
        Some(only) if parts.is_empty() => Ok(only),
        Some(last) => {
            parts.push(last);
            Err(parts)
        }
        None => Err(parts),
    }
}
