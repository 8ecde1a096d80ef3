//! The laws of evaluation, over made-up policies: a deny wins, order does not matter, and more never gives less but by a deny.

use std::sync::Arc;

use proptest::prelude::*;

use super::evaluate::tests::request;
use super::{Decision, Document, Layers, Verdict, evaluate};

/// A statement over few enough actions and resources that many match.
fn statement(effects: &'static [&'static str]) -> impl Strategy<Value = String> {
    let action = prop::sample::select(vec![
        r#""Action":"*""#,
        r#""Action":"ecs:*""#,
        r#""Action":["ecs:Run*","ecr:*"]"#,
        r#""Action":"ecr:*""#,
        r#""NotAction":"ecs:*""#,
        r#""NotAction":"iam:*""#,
    ]);
    let resource = prop::sample::select(vec![
        r#""Resource":"*""#,
        r#""Resource":"arn:aws:ecs:*:*:task-definition/web:*""#,
        r#""Resource":"arn:aws:ecs:*:*:cluster/*""#,
        r#""NotResource":"arn:aws:ecs:*:*:cluster/*""#,
    ]);
    let condition = prop::sample::select(vec![
        "",
        r#","Condition":{"StringEquals":{"aws:username":"eve"}}"#,
        r#","Condition":{"StringNotEquals":{"aws:username":"eve"}}"#,
        r#","Condition":{"Null":{"aws:username":"true"}}"#,
    ]);
    (prop::sample::select(effects), action, resource, condition).prop_map(
        |(effect, action, resource, condition)| {
            format!(r#"{{"Effect":"{effect}",{action},{resource}{condition}}}"#)
        },
    )
}

fn document(statements: &[String]) -> Document {
    let text = format!(r#"{{"Version":"2012-10-17","Statement":[{}]}}"#, statements.join(","));
    Document::parse(&text).expect("made-up policies are policies")
}

fn decide(statements: &[String]) -> Decision {
    evaluate([&document(statements)], &request())
}

const BOTH: &[&str] = &["Allow", "Deny"];

proptest! {
    #[test]
    fn order_and_division_do_not_matter(statements in prop::collection::vec(statement(BOTH), 0..8), at in 0usize..8) {
        let whole = decide(&statements);
        let reversed: Vec<String> = statements.iter().rev().cloned().collect();
        prop_assert_eq!(&decide(&reversed), &whole);
        let (left, right) = statements.split_at(at.min(statements.len()));
        prop_assert_eq!(evaluate([&document(left), &document(right)], &request()), whole);
    }

    #[test]
    fn a_matching_deny_wins(statements in prop::collection::vec(statement(BOTH), 0..6), deny in statement(&["Deny"])) {
        let denies = matches!(decide(std::slice::from_ref(&deny)), Decision::Denied { .. });
        let with = [statements.as_slice(), &[deny]].concat();
        if denies {
            let is_denied = matches!(decide(&with), Decision::Denied { .. });
            prop_assert!(is_denied);
        } else {
            prop_assert_eq!(decide(&with), decide(&statements));
        }
    }

    #[test]
    fn more_permission_takes_nothing_away(statements in prop::collection::vec(statement(BOTH), 0..6), allow in statement(&["Allow"])) {
        let with = [statements.as_slice(), &[allow]].concat();
        if decide(&statements) == Decision::Allowed {
            prop_assert_eq!(decide(&with), Decision::Allowed);
        }
    }

    #[test]
    fn bounds_only_take_away(
        own in prop::collection::vec(statement(BOTH), 0..5),
        bound in prop::collection::vec(statement(BOTH), 0..5),
    ) {
        let (own, bound) = (Arc::new(document(&own)), Arc::new(document(&bound)));
        let free = Layers { identity: vec![own.clone()], ..Layers::default() };
        for bounded in [
            Layers { boundary: Some(bound.clone()), ..free.clone() },
            Layers { session: Some(vec![bound.clone()]), ..free.clone() },
        ] {
            let both = free.decide(&request()) == Verdict::Allowed
                && evaluate([bound.as_ref()], &request()) == Decision::Allowed;
            prop_assert_eq!(bounded.decide(&request()) == Verdict::Allowed, both);
        }
    }
}
