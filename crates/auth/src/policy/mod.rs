//! IAM policies: documents, and the decision that they make together.
//!
//! The rule is AWS's: everything is denied, unless a statement allows it, and an explicit deny
//! wins over any allow. Parsing refuses what IAM refuses, so that evaluation has no errors.

mod condition;
mod document;
mod evaluate;
#[cfg(test)]
mod laws;
mod pattern;
mod verdict;

pub use document::{Document, Effect, Kind, Malformed, Statement};
pub use evaluate::{Decision, Naming, Request, ResourceDecision, Who, evaluate, evaluate_resource};
pub use verdict::{Layer, Layers, Verdict};
