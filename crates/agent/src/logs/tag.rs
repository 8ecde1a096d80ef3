//! The `tag` of a log configuration: text with Go's template actions in it. Pure.
//!
//! Deviation: an action is one field (`{{.Name}}`), alone or with `lower`, `upper`, `title`, `json` or `printf "%s"`
//! before it or behind a bar; conditions, loops, variables and the maps of labels are an error at the start.

use super::subject::Origin;

/// The text of a template.
pub(super) fn expand(template: &str, origin: &Origin) -> Result<String, String> {
    let mut text = String::new();
    let mut rest = template;
    while let Some(at) = rest.find("{{") {
        text.push_str(&rest[..at]);
        let action = &rest[at + 2..];
        let end = action.find("}}").ok_or("template: log-tag:1: unclosed action")?;
        text.push_str(&evaluate(&action[..end], origin)?);
        rest = &action[end + 2..];
    }
    text.push_str(rest);
    Ok(text)
}

fn evaluate(action: &str, origin: &Origin) -> Result<String, String> {
    let mut stages = action.split('|').map(|stage| stage.split_whitespace().collect::<Vec<_>>());
    let refused = || format!("template: log-tag:1: the action {action:?} is not supported");
    let first = stages.next().unwrap_or_default();
    let (name, functions) = first.split_last().ok_or("template: log-tag:1: missing value for command")?;
    let name = name.strip_prefix('.').ok_or_else(refused)?;
    let mut value = field(name, origin)
        .ok_or_else(|| format!("template: log-tag:1: can't evaluate field {name} in type *logger.Info"))?;
    if !functions.is_empty() {
        value = apply(functions, value).ok_or_else(refused)?;
    }
    for stage in stages {
        value = apply(&stage, value).ok_or_else(refused)?;
    }
    Ok(value)
}

/// Docker's short id is the first twelve digits of a long one.
/// Deviation: here it is the whole id, since the ids of a task's containers begin alike.
fn field(name: &str, origin: &Origin) -> Option<String> {
    Some(match name {
        "ID" | "FullID" | "ContainerID" => origin.id.clone(),
        "Name" => origin.name.clone(),
        "ContainerName" => format!("/{}", origin.name),
        "Command" => origin.command.clone(),
        "ImageID" => origin.image_id.trim_start_matches("sha256:").chars().take(12).collect(),
        "ImageFullID" | "ContainerImageID" => origin.image_id.clone(),
        "ImageName" | "ContainerImageName" => origin.image_name.clone(),
        "Hostname" => origin.hostname.clone(),
        "DaemonName" => "docker".into(),
        _ => return None,
    })
}

fn apply(function: &[&str], value: String) -> Option<String> {
    Some(match function {
        ["lower"] => value.to_lowercase(),
        ["upper"] => value.to_uppercase(),
        ["title"] => {
            let mut chars = value.chars();
            chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
        }
        ["json"] => serde_json::Value::String(value).to_string(),
        ["printf", "\"%s\""] => value,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(template: &str, expected: Result<&str, &str>) {
        let origin = Origin {
            id: "0123456789abcdef-7".into(),
            name: "ecs-web-1-app-7".into(),
            image_id: "sha256:aabbccddeeff00112233".into(),
            image_name: "web:1".into(),
            hostname: "Node".into(),
            ..Origin::default()
        };
        let found = expand(template, &origin);
        assert_eq!(found.as_deref().map_err(String::as_str), expected, "{template}");
    }

    #[test]
    fn fields_stand_between_text() {
        check("docker.{{.Name}}/{{ .ImageName }}", Ok("docker.ecs-web-1-app-7/web:1"));
        check("{{.ID}} {{.ImageID}}", Ok("0123456789abcdef-7 aabbccddeeff"));
        check("{{lower .Hostname}}{{.Hostname | upper}}", Ok("nodeNODE"));
        check("plain", Ok("plain"));
    }

    #[test]
    fn what_is_no_field_is_an_error() {
        check("{{.Nope}}", Err("template: log-tag:1: can't evaluate field Nope in type *logger.Info"));
        check("{{if .ID}}x", Err("template: log-tag:1: the action \"if .ID\" is not supported"));
        check("{{.ID", Err("template: log-tag:1: unclosed action"));
    }
}
