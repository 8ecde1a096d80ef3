//! The cluster query language: which container instances an expression means.
//!
//! `attribute:stack == prod and not (task:group == databases)` is parsed once into an [`Expression`] and asked
//! of each instance's [`Facts`]. It is the language of `memberOf` constraints and of ListContainerInstances.
//! Source: the developer guide's page "cluster-query-language".

mod evaluate;
mod parse;

use regex::Regex;
use thiserror::Error;

pub use evaluate::Facts;

/// A parsed expression.
#[derive(Clone, Debug)]
pub enum Expression {
    /// One comparison.
    Is(Subject, Test),
    /// Both hold.
    And(Box<Expression>, Box<Expression>),
    /// At least one holds.
    Or(Box<Expression>, Box<Expression>),
    /// It does not hold.
    Not(Box<Expression>),
}

/// What is asked about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// `agentConnected`
    AgentConnected,
    /// `agentVersion`
    AgentVersion,
    /// `attribute:NAME`
    Attribute(String),
    /// `ec2InstanceId`
    Ec2InstanceId,
    /// `registeredAt`
    RegisteredAt,
    /// `runningTasksCount`
    RunningTasksCount,
    /// `task:group`
    TaskGroup,
}

/// What must hold of the subject.
#[derive(Clone, Debug)]
pub enum Test {
    /// It has a value.
    Exists,
    /// It has none.
    NotExists,
    /// It stands so to the value.
    Compares(Order, String),
    /// It is one of these.
    In(Vec<String>),
    /// It is none of these.
    NotIn(Vec<String>),
    /// The whole of it matches the pattern.
    Matches(Regex),
    /// It does not.
    NotMatches(Regex),
}

/// The six comparisons.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
}

/// Why a text is no expression.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum QueryError {
    /// Longer than ECS takes.
    #[error("an expression has at most 2000 characters")]
    TooLong,
    /// Parentheses within parentheses without end.
    #[error("parentheses are nested too deeply")]
    TooDeep,
    /// Something else was expected.
    #[error("expected {expected} at character {at}")]
    Expected {
        /// What.
        expected: &'static str,
        /// Where, counted from 1.
        at: usize,
    },
    /// The subject is none of the language's.
    #[error("unknown subject '{0}'")]
    Subject(String),
    /// The argument does not fit the subject.
    #[error("'{value}' is not {expected}")]
    Argument {
        /// The argument.
        value: String,
        /// What it should be.
        expected: &'static str,
    },
}

impl Expression {
    /// Reads an expression.
    pub fn parse(text: &str) -> Result<Expression, QueryError> {
        parse::expression(text)
    }

    /// Whether the expression asks about tasks, which cost more to gather than what an instance itself says.
    pub fn asks_about_tasks(&self) -> bool {
        match self {
            Expression::Is(Subject::TaskGroup | Subject::RunningTasksCount, _) => true,
            Expression::Is(
                Subject::AgentConnected
                | Subject::AgentVersion
                | Subject::Attribute(_)
                | Subject::Ec2InstanceId
                | Subject::RegisteredAt,
                _,
            ) => false,
            Expression::And(a, b) | Expression::Or(a, b) => a.asks_about_tasks() || b.asks_about_tasks(),
            Expression::Not(inner) => inner.asks_about_tasks(),
        }
    }
}
