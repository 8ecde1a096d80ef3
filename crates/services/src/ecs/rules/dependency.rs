//! How the containers of a task refer to each other: start order, links and shared volumes.

use std::collections::{BTreeMap, BTreeSet};

use model::ecs::ContainerDefinition;
use model::ecs::container_definition::ContainerCondition;

use crate::ecs::error::Error;

/// Checks that every reference has a target and that no kind of reference forms a cycle.
pub(crate) fn check(containers: &[ContainerDefinition]) -> Result<(), Error> {
    check_names(containers)?;
    let by_name: BTreeMap<&str, &ContainerDefinition> =
        containers.iter().map(|container| (container.name.as_str(), container)).collect();
    for container in containers {
        check_conditions(container, &by_name)?;
        for link in links(container) {
            if !by_name.contains_key(link) {
                return Err(Error::Client(format!("Container links to unknown container '{link}'.")));
            }
        }
        for source in volume_sources(container) {
            if !by_name.contains_key(source) {
                return Err(Error::Client(format!("Container volumesFrom unknown container '{source}'.")));
            }
        }
    }
    let dependencies = |c: &'_ ContainerDefinition| -> Vec<String> {
        c.depends_on.iter().flatten().map(|dependency| dependency.container_name.clone()).collect()
    };
    refuse_cycle(containers, "dependencies", dependencies)?;
    refuse_cycle(containers, "links", |c| links(c).map(str::to_owned).collect())?;
    refuse_cycle(containers, "volumesFrom", |c| volume_sources(c).map(str::to_owned).collect())
}

fn check_names(containers: &[ContainerDefinition]) -> Result<(), Error> {
    let mut seen = BTreeSet::new();
    match containers.iter().find(|container| !seen.insert(&container.name)) {
        Some(_) => Err(Error::Client("Container definition names must be unique.".into())),
        None => Ok(()),
    }
}

fn check_conditions(
    container: &ContainerDefinition,
    by_name: &BTreeMap<&str, &ContainerDefinition>,
) -> Result<(), Error> {
    for dependency in container.depends_on.iter().flatten() {
        let name = &dependency.container_name;
        let Some(target) = by_name.get(name.as_str()) else {
            return Err(Error::Client(format!(
                "Cannot depend on container + '{name}' because it does not exist"
            )));
        };
        match dependency.condition {
            ContainerCondition::Start => {}
            ContainerCondition::Complete | ContainerCondition::Success if !target.essential => {}
            ContainerCondition::Complete | ContainerCondition::Success => {
                return Err(Error::Client(
                    "A dependency container with SUCCESS or COMPLETE condition cannot be an essential container"
                        .into(),
                ));
            }
            ContainerCondition::Healthy if target.health_check.is_some() => {}
            ContainerCondition::Healthy => {
                return Err(Error::Client(format!(
                    "Cannot depend on container '{name}' being HEALTHY because it has no health check"
                )));
            }
        }
    }
    Ok(())
}

/// The containers that `container` links to: `name` or `name:alias`.
fn links(container: &ContainerDefinition) -> impl Iterator<Item = &str> {
    let name = |link: &'_ String| link.split(':').next().map(str::len);
    container.links.iter().flatten().filter_map(move |link| name(link).map(|end| &link[..end]))
}

fn volume_sources(container: &ContainerDefinition) -> impl Iterator<Item = &str> {
    container.volumes_from.iter().map(|from| from.source_container.as_deref().unwrap_or_default())
}

/// Takes away containers whose targets are all gone; what is left forms a cycle.
fn refuse_cycle(
    containers: &[ContainerDefinition],
    what: &str,
    targets: impl Fn(&ContainerDefinition) -> Vec<String>,
) -> Result<(), Error> {
    let mut left: BTreeMap<&str, Vec<String>> =
        containers.iter().map(|container| (container.name.as_str(), targets(container))).collect();
    loop {
        let free: Vec<&str> = left
            .iter()
            .filter(|(_, targets)| !targets.iter().any(|target| left.contains_key(target.as_str())))
            .map(|(name, _)| *name)
            .collect();
        if free.is_empty() {
            break;
        }
        for name in free {
            left.remove(name);
        }
    }
    if left.is_empty() {
        Ok(())
    } else {
        Err(Error::Client(format!("Container {what} should not have a cycle")))
    }
}

#[cfg(test)]
mod tests {
    use model::ecs::container_definition::Dependency;

    use super::*;
    use crate::ecs::rules::sample;

    /// A container: its name, whether it is essential, and what it depends on.
    type Node<'a> = (&'a str, bool, &'a [(&'a str, ContainerCondition)]);

    fn check(graph: &[Node<'_>], expected: &str) {
        let build = |(name, essential, targets): &Node<'_>| {
            let mut container = sample::container(name);
            container.essential = *essential;
            let dependency = |(name, condition): &(&str, ContainerCondition)| Dependency {
                container_name: (*name).to_owned(),
                condition: *condition,
            };
            container.depends_on = Some(targets.iter().map(dependency).collect());
            container
        };
        let containers: Vec<_> = graph.iter().map(build).collect();
        let found = super::check(&containers).err().map(|error| error.to_string());
        assert_eq!(found.unwrap_or_default(), expected);
    }

    #[test]
    fn dependencies_exist_and_form_no_cycle() {
        use ContainerCondition::{Healthy, Start, Success};
        check(&[("a", true, &[("b", Start)]), ("b", true, &[("c", Start)]), ("c", true, &[])], "");
        check(
            &[("a", true, &[("b", Start)]), ("b", true, &[("a", Start)])],
            "Container dependencies should not have a cycle",
        );
        check(&[("a", true, &[("a", Start)])], "Container dependencies should not have a cycle");
        check(&[("a", true, &[("z", Start)])], "Cannot depend on container + 'z' because it does not exist");
        check(&[("a", true, &[("b", Success)]), ("b", false, &[])], "");
        check(
            &[("a", true, &[("b", Success)]), ("b", true, &[])],
            "A dependency container with SUCCESS or COMPLETE condition cannot be an essential container",
        );
        check(
            &[("a", true, &[("b", Healthy)]), ("b", true, &[])],
            "Cannot depend on container 'b' being HEALTHY because it has no health check",
        );
        check(&[("a", true, &[]), ("a", true, &[])], "Container definition names must be unique.");
    }

    #[test]
    fn links_form_no_cycle() {
        let linked = |name: &str, link: &str| {
            let mut container = sample::container(name);
            container.links = Some(vec![link.to_owned()]);
            container
        };
        assert!(super::check(&[linked("a", "b:db"), sample::container("b")]).is_ok());
        let cycle = super::check(&[linked("a", "b"), linked("b", "a")]).unwrap_err();
        assert_eq!(cycle.to_string(), "Container links should not have a cycle");
    }
}
