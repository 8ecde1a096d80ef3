//! Placement constraints and strategies: what may be asked for, and what it means to the decider.

use model::ecs::placement::{ConstraintType, PlacementStrategy, StrategyType, TaskPlacementConstraint};
use model::ecs::task_definition::PlacementConstraint;
use reconcile::placement::instances::{Constraint, Strategy};
use reconcile::placement::query::Expression;

use crate::ecs::error::Error;

/// The most constraints of a request, those of the task definition included.
const MAX_CONSTRAINTS: usize = 10;
/// The most strategies of a request.
const MAX_STRATEGIES: usize = 5;

/// What users say about where their tasks go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wishes {
    /// What limits the choice.
    pub constraints: Vec<TaskPlacementConstraint>,
    /// What orders it.
    pub strategies: Vec<PlacementStrategy>,
}

impl Wishes {
    /// Checks everything that was said.
    pub(crate) fn check(&self) -> Result<(), Error> {
        self.constraints_for(&[])?;
        self.strategies().map(drop)
    }

    /// The limits, with those of the task definition first.
    pub(crate) fn constraints_for(&self, own: &[PlacementConstraint]) -> Result<Vec<Constraint>, Error> {
        if self.constraints.len() + own.len() > MAX_CONSTRAINTS {
            return Err(invalid("The placement constraints list can have at most 10 elements."));
        }
        let own = own.iter().map(|constraint| member_of(constraint.expression.as_deref()));
        own.chain(self.constraints.iter().map(constraint)).collect()
    }

    /// The orders.
    pub(crate) fn strategies(&self) -> Result<Vec<Strategy>, Error> {
        if self.strategies.len() > MAX_STRATEGIES {
            return Err(invalid("The placement strategy list can have at most 5 elements."));
        }
        self.strategies.iter().map(strategy).collect()
    }
}

/// Reads a cluster query.
pub(crate) fn expression(text: &str) -> Result<Expression, Error> {
    Expression::parse(text)
        .map_err(|error| Error::InvalidParameter(format!("Invalid expression '{text}': {error}.")))
}

fn invalid(text: &str) -> Error {
    Error::InvalidParameter(text.to_owned())
}

fn member_of(text: Option<&str>) -> Result<Constraint, Error> {
    let text = text.filter(|text| !text.is_empty());
    let text = text.ok_or_else(|| invalid("The memberOf placement constraint needs an expression."))?;
    expression(text).map(Constraint::MemberOf)
}

fn constraint(constraint: &TaskPlacementConstraint) -> Result<Constraint, Error> {
    let text = constraint.expression.as_deref().filter(|text| !text.is_empty());
    match (constraint.kind, text) {
        (ConstraintType::MemberOf, text) => member_of(text),
        (ConstraintType::DistinctInstance, None) => Ok(Constraint::DistinctInstance),
        (ConstraintType::DistinctInstance, Some(_)) => {
            Err(invalid("The distinctInstance placement constraint takes no expression."))
        }
    }
}

fn strategy(strategy: &PlacementStrategy) -> Result<Strategy, Error> {
    let field = strategy.field.as_deref().filter(|field| !field.is_empty());
    let refused = || {
        let field = field.unwrap_or_default();
        Error::InvalidParameter(format!(
            "Invalid field '{field}' of the placement strategy {}.",
            strategy.kind
        ))
    };
    match (strategy.kind, field) {
        (StrategyType::Random, None) => Ok(Strategy::Random),
        (StrategyType::Spread, Some("instanceId" | "host")) => Ok(Strategy::SpreadInstances),
        (StrategyType::Spread, Some(field)) => match field.strip_prefix("attribute:") {
            Some(name) if !name.is_empty() => Ok(Strategy::SpreadAttribute(name.to_owned())),
            Some(_) | None => Err(refused()),
        },
        (StrategyType::Binpack, Some(field)) if field.eq_ignore_ascii_case("cpu") => Ok(Strategy::BinpackCpu),
        (StrategyType::Binpack, Some(field)) if field.eq_ignore_ascii_case("memory") => {
            Ok(Strategy::BinpackMemory)
        }
        (StrategyType::Random | StrategyType::Binpack, Some(_))
        | (StrategyType::Spread | StrategyType::Binpack, None) => Err(refused()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(kind: StrategyType, field: Option<&str>) -> Wishes {
        let strategies = vec![PlacementStrategy { kind, field: field.map(str::to_owned) }];
        Wishes { strategies, ..Wishes::default() }
    }

    fn limit(kind: ConstraintType, expression: Option<&str>) -> Wishes {
        let expression = expression.map(str::to_owned);
        Wishes { constraints: vec![TaskPlacementConstraint { kind, expression }], ..Wishes::default() }
    }

    fn check(wishes: &Wishes, expected: &str) {
        let found = wishes.check().err().map(|error| error.to_string());
        assert_eq!(found.unwrap_or_default(), expected);
    }

    #[test]
    fn strategies_have_their_fields() {
        check(&of(StrategyType::Spread, Some("attribute:ecs.availability-zone")), "");
        check(&of(StrategyType::Binpack, Some("MEMORY")), "");
        check(&of(StrategyType::Random, None), "");
        check(&of(StrategyType::Random, Some("x")), "Invalid field 'x' of the placement strategy random.");
        check(
            &of(StrategyType::Spread, Some("zone")),
            "Invalid field 'zone' of the placement strategy spread.",
        );
        check(&of(StrategyType::Binpack, None), "Invalid field '' of the placement strategy binpack.");
    }

    #[test]
    fn constraints_have_expressions_or_none() {
        check(&limit(ConstraintType::MemberOf, Some("attribute:a exists")), "");
        check(&limit(ConstraintType::DistinctInstance, None), "");
        check(
            &limit(ConstraintType::DistinctInstance, Some("x")),
            "The distinctInstance placement constraint takes no expression.",
        );
        check(
            &limit(ConstraintType::MemberOf, None),
            "The memberOf placement constraint needs an expression.",
        );
        check(
            &limit(ConstraintType::MemberOf, Some("a b")),
            "Invalid expression 'a b': unknown subject 'a'.",
        );
    }
}
