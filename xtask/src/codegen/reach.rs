//! Which shapes a service needs, and which members must be boxed to be finite.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};

use super::Service;
use super::model::{Model, Shape};

/// The shape called `name`.
pub fn shape<'m>(model: &'m Model, name: &str) -> Result<&'m Shape> {
    model.shapes.get(name).with_context(|| format!("the model has no shape {name}"))
}

/// Every shape that a served operation's input or output, or any error, reaches.
pub fn shapes(service: &Service, model: &Model) -> Result<BTreeSet<String>> {
    let mut wanted: Vec<String> = Vec::new();
    for (name, operation) in &model.operations {
        if service.serves(name) {
            wanted.extend(operation.input.iter().chain(&operation.output).map(|r| r.shape.clone()));
        }
    }
    wanted.extend(model.shapes.iter().filter(|(_, s)| s.exception).map(|(name, _)| name.clone()));
    let mut reached = BTreeSet::new();
    while let Some(name) = wanted.pop() {
        if reached.insert(name.clone()) {
            wanted.extend(targets(shape(model, &name)?).map(str::to_owned));
        }
    }
    Ok(reached)
}

fn targets(shape: &Shape) -> impl Iterator<Item = &str> {
    let members = shape.members.iter().map(|(_, reference)| reference);
    members
        .chain(&shape.member)
        .chain(&shape.key)
        .chain(&shape.value)
        .map(|reference| reference.shape.as_str())
}

/// The shapes that are a member, an item or a value of another.
pub fn members(model: &Model, reached: &BTreeSet<String>) -> Result<BTreeSet<String>> {
    let mut members = BTreeSet::new();
    for name in reached {
        members.extend(targets(shape(model, name)?).map(str::to_owned));
    }
    Ok(members)
}

/// The structures that contain themselves without a list or map between, each with the structures of its cycle.
pub fn cycles(model: &Model, reached: &BTreeSet<String>) -> Result<BTreeMap<String, BTreeSet<String>>> {
    let mut inside: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for name in reached {
        let mut seen = BTreeSet::new();
        let mut wanted = vec![name.clone()];
        while let Some(next) = wanted.pop() {
            let next = shape(model, &next)?;
            for (_, reference) in next.members.iter().filter(|_| next.kind == "structure") {
                if shape(model, &reference.shape)?.kind == "structure" && seen.insert(reference.shape.clone())
                {
                    wanted.push(reference.shape.clone());
                }
            }
        }
        inside.insert(name.clone(), seen);
    }
    let cyclic = |name: &String| inside.get(name).is_some_and(|seen| seen.contains(name));
    Ok(inside.iter().filter(|(name, _)| cyclic(name)).map(|(n, s)| (n.clone(), s.clone())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODEL: &str = r#"{
        "metadata": {"apiVersion": "1", "endpointPrefix": "x", "protocols": ["json"], "serviceId": "X"},
        "operations": {
            "Run": {"http": {"method": "POST", "requestUri": "/"}, "input": {"shape": "Rule"}},
            "Walk": {"http": {"method": "POST", "requestUri": "/"}, "input": {"shape": "Path"}}
        },
        "shapes": {
            "Rule": {"type": "structure", "members": {"not": {"shape": "Not"}, "all": {"shape": "Rules"}}},
            "Not": {"type": "structure", "members": {"rule": {"shape": "Rule"}}},
            "Rules": {"type": "list", "member": {"shape": "Rule"}},
            "Path": {"type": "structure", "members": {"steps": {"shape": "Paths"}}},
            "Paths": {"type": "list", "member": {"shape": "Path"}}
        }
    }"#;

    fn model() -> (Service, Model) {
        let serve = vec!["Run".to_owned()];
        let service = Service { module: "x".to_owned(), model: "x/1".to_owned(), serve };
        (service, serde_json::from_str(MODEL).expect("a model"))
    }

    #[test]
    fn only_what_is_served_is_reached() {
        let (service, model) = model();
        let reached = shapes(&service, &model).expect("known shapes");
        assert!(reached.iter().eq(["Not", "Rule", "Rules"]), "{reached:?}");
    }

    #[test]
    fn a_list_ends_a_cycle_and_a_structure_does_not() {
        let (mut service, model) = model();
        service.serve = vec!["*".to_owned()];
        let cycles = cycles(&model, &shapes(&service, &model).expect("known shapes")).expect("known shapes");
        assert!(cycles.keys().eq(["Not", "Rule"]), "{cycles:?}");
        let text = super::super::emit::service(&service, &model, "0").expect("text");
        assert!(text.contains("not: Option<Box<Not>> = \"not\" NOT,"), "{text}");
        assert!(text.contains("steps: Option<Vec<Path>> = \"steps\" PATHS,"), "{text}");
    }
}
