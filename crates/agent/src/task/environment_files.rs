//! Files of environment variables, named by S3-style ARNs and kept by the control plane.

use wire::link;

use super::errors;
use super::node::Node;

/// A container with the variables of its files. What the task definition sets itself wins, then the first file.
pub async fn complete(
    node: &Node,
    task_arn: &str,
    container: &link::Container,
) -> Result<link::Container, String> {
    let mut container = container.clone();
    for file in std::mem::take(&mut container.environment_files) {
        let read = node.uplink.environment_file(task_arn.to_string(), file.value.clone()).await;
        let text = read.map_err(|error| {
            let text = format!("failed to download env files: {}: {error}", file.value);
            errors::reason("ResourceInitializationError", &text)
        })?;
        for (name, value) in variables(&text) {
            container.environment.entry(name.to_string()).or_insert_with(|| value.to_string());
        }
    }
    Ok(container)
}

/// As the Amazon ECS agent reads a file: `NAME=VALUE` lines, nothing trimmed; comments and all else are passed over.
fn variables(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let pairs = lines.filter_map(|line| line.split_once('='));
    pairs.filter(|(name, value)| !name.is_empty() && !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_names_and_values() {
        let text = "# comment\nA=1\n\nB = two=2 \nnothing\n=x\nEMPTY=\n";
        assert_eq!(variables(text).collect::<Vec<_>>(), [("A", "1"), ("B ", " two=2 ")]);
    }
}
