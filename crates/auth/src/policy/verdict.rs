//! The verdict over one request: what the policies of the caller, its session and the resource come to together.
//!
//! As IAM's evaluation logic has it within one account: an explicit deny anywhere wins; else the identity's policies or
//! the resource's must allow, and what bounds the caller must allow as well.

use std::sync::Arc;

use super::document::Document;
use super::evaluate::{Decision, Naming, Request, ResourceDecision, evaluate, evaluate_resource};

/// The policies that bear on a request, by where they come from.
#[derive(Clone, Debug, Default)]
pub struct Layers {
    /// The caller's own: its inline and managed ones, and its groups'.
    pub identity: Vec<Arc<Document>>,
    /// What bounds the caller's own.
    pub boundary: Option<Arc<Document>>,
    /// What bounds the session; none where nothing was passed when it was opened.
    pub session: Option<Vec<Arc<Document>>>,
    /// The resource's.
    pub resource: Vec<Arc<Document>>,
}

/// Where a verdict comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layer {
    /// The caller's own policies.
    Identity,
    /// The permissions boundary.
    Boundary,
    /// The session's policies.
    Session,
    /// The resource's policies.
    Resource,
}

/// What is decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Let in.
    Allowed,
    /// Refused: nothing in this layer allows it.
    NotAllowed(Layer),
    /// Refused: a statement of this layer denies it.
    Denied(Layer),
}

impl Layers {
    /// Decides.
    pub fn decide(&self, request: &Request<'_>) -> Verdict {
        let ask = |documents: &[Arc<Document>]| evaluate(documents.iter().map(Arc::as_ref), request);
        let identity = ask(&self.identity);
        let boundary = self.boundary.as_ref().map(|document| ask(std::slice::from_ref(document)));
        let session = self.session.as_deref().map(ask);
        let resource = evaluate_resource(self.resource.iter().map(Arc::as_ref), request);
        let denies = |decision: &Decision| matches!(decision, Decision::Denied { .. });
        let denied = [
            (denies(&identity), Layer::Identity),
            (resource == ResourceDecision::Denied, Layer::Resource),
            (boundary.as_ref().is_some_and(denies), Layer::Boundary),
            (session.as_ref().is_some_and(denies), Layer::Session),
        ];
        if let Some((_, layer)) = denied.into_iter().find(|(denied, _)| *denied) {
            return Verdict::Denied(layer);
        }
        let given = match resource {
            // What names the caller itself is bound by nothing else.
            ResourceDecision::Allowed(Naming::Itself) => return Verdict::Allowed,
            ResourceDecision::Allowed(Naming::Shared) => true,
            ResourceDecision::Allowed(Naming::Account)
            | ResourceDecision::NotAllowed
            | ResourceDecision::Denied => identity == Decision::Allowed,
        };
        if !given {
            return Verdict::NotAllowed(Layer::Identity);
        }
        if boundary.is_some_and(|decision| decision != Decision::Allowed) {
            return Verdict::NotAllowed(Layer::Boundary);
        }
        if session.is_some_and(|decision| decision != Decision::Allowed) {
            return Verdict::NotAllowed(Layer::Session);
        }
        Verdict::Allowed
    }
}

impl Verdict {
    /// The end of IAM's message about a refusal; nothing for what is let in.
    pub fn reason(self, action: &str) -> Option<String> {
        let policy = |layer: Layer| match layer {
            Layer::Identity => "identity-based policy",
            Layer::Boundary => "permissions boundary",
            Layer::Session => "session policy",
            Layer::Resource => "resource-based policy",
        };
        match self {
            Verdict::Allowed => None,
            Verdict::NotAllowed(layer) => {
                Some(format!("because no {} allows the {action} action", policy(layer)))
            }
            Verdict::Denied(layer) => {
                let article = if layer == Layer::Identity { "an" } else { "a" };
                Some(format!("with an explicit deny in {article} {}", policy(layer)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::evaluate::tests::request;
    use super::*;

    fn document(effect: &str, principal: &str) -> Arc<Document> {
        let principal =
            if principal.is_empty() { String::new() } else { format!(r#""Principal":{principal},"#) };
        let text = format!(
            r#"{{"Version":"2012-10-17","Statement":{{{principal}"Effect":"{effect}","Action":"ecs:*","Resource":"*"}}}}"#
        );
        Arc::new(Document::parse(&text).unwrap())
    }

    fn check(layers: &Layers, expected: Verdict) {
        assert_eq!(layers.decide(&request()), expected, "{layers:?}");
    }

    #[test]
    fn what_bounds_the_caller_must_allow_as_well() {
        let allow = || document("Allow", "");
        let nothing = || Arc::new(Document::parse(r#"{"Statement":[]}"#).unwrap());
        check(&Layers::default(), Verdict::NotAllowed(Layer::Identity));
        let own = Layers { identity: vec![allow()], ..Layers::default() };
        check(&own, Verdict::Allowed);
        check(&Layers { boundary: Some(nothing()), ..own.clone() }, Verdict::NotAllowed(Layer::Boundary));
        check(&Layers { boundary: Some(allow()), ..own.clone() }, Verdict::Allowed);
        check(&Layers { session: Some(vec![nothing()]), ..own.clone() }, Verdict::NotAllowed(Layer::Session));
        check(&Layers { session: Some(vec![nothing(), allow()]), ..own }, Verdict::Allowed);
    }

    #[test]
    fn a_resource_gives_to_whom_it_names() {
        let nothing = Arc::new(Document::parse(r#"{"Statement":[]}"#).unwrap());
        let with = |principal: &str| Layers {
            resource: vec![document("Allow", principal)],
            boundary: Some(nothing.clone()),
            ..Layers::default()
        };
        check(&with(r#"{"AWS":"arn:aws:iam::123456789012:user/eve"}"#), Verdict::Allowed);
        check(&with(r#""*""#), Verdict::NotAllowed(Layer::Boundary));
        check(&Layers { boundary: None, ..with(r#""*""#) }, Verdict::Allowed);
        check(
            &Layers { boundary: None, ..with(r#"{"AWS":"123456789012"}"#) },
            Verdict::NotAllowed(Layer::Identity),
        );
        check(&with(r#"{"AWS":"arn:aws:iam::123456789012:user/bob"}"#), Verdict::NotAllowed(Layer::Identity));
    }

    #[test]
    fn a_deny_anywhere_wins() {
        let (allow, deny) = (document("Allow", ""), document("Deny", ""));
        let all = Layers {
            identity: vec![allow.clone()],
            boundary: Some(allow.clone()),
            session: Some(vec![allow.clone()]),
            resource: vec![document("Allow", r#""*""#)],
        };
        check(&all, Verdict::Allowed);
        check(
            &Layers { identity: vec![allow.clone(), deny.clone()], ..all.clone() },
            Verdict::Denied(Layer::Identity),
        );
        check(&Layers { boundary: Some(deny.clone()), ..all.clone() }, Verdict::Denied(Layer::Boundary));
        check(&Layers { session: Some(vec![deny]), ..all.clone() }, Verdict::Denied(Layer::Session));
        let denied = Layers { resource: vec![document("Deny", r#"{"AWS":"123456789012"}"#)], ..all };
        check(&denied, Verdict::Denied(Layer::Resource));
        let reason = Verdict::Denied(Layer::Identity).reason("ecs:RunTask");
        assert_eq!(reason.as_deref(), Some("with an explicit deny in an identity-based policy"));
    }
}
