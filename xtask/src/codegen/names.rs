//! Rust names for the model's names.

/// Rust's keywords that a member could be called.
const KEYWORDS: &[&str] = &[
    "as", "async", "await", "box", "break", "const", "continue", "do", "dyn", "else", "enum", "extern",
    "final", "fn", "for", "gen", "if", "impl", "in", "let", "loop", "macro", "match", "mod", "move", "mut",
    "override", "priv", "pub", "ref", "return", "static", "struct", "trait", "try", "type", "unsafe", "use",
    "where", "while", "yield",
];

/// `enableECSManagedTags` to `enable_ecs_managed_tags`, `type` to `r#type`.
pub fn field(name: &str) -> String {
    let snake = snake(name);
    if KEYWORDS.contains(&snake.as_str()) { format!("r#{snake}") } else { snake }
}

/// `ListTasksRequest` to `LIST_TASKS_REQUEST`. Models have shapes that differ in the first
/// letter's case only; the lower one gets a suffix.
pub fn schema(name: &str) -> String {
    let lower = name.starts_with(|c: char| c.is_ascii_lowercase());
    let upper = snake(name).to_uppercase();
    match upper.as_str() {
        _ if lower => upper + "_LOWER",
        "SERVICE" | "MODEL" | "OPERATIONS" | "ERRORS" => upper + "_SHAPE",
        _ => upper,
    }
}

/// `ListTasksRequest`, with a first letter that Rust likes.
pub fn structure(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// CamelCase of any sort to snake_case. A plural acronym (`ARNs`) is one word.
pub fn snake(name: &str) -> String {
    let letters: Vec<char> = name.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
    let mut out = String::new();
    for (at, &letter) in letters.iter().enumerate() {
        let previous = at.checked_sub(1).map(|i| letters[i]);
        let next = letters.get(at + 1);
        let plural = next == Some(&'s') && letters.get(at + 2).is_none_or(|c| c.is_ascii_uppercase());
        let starts_word = letter.is_ascii_uppercase()
            && previous.is_some_and(|before| {
                before.is_ascii_lowercase()
                    || before.is_ascii_digit()
                    || (before.is_ascii_uppercase()
                        && next.is_some_and(|c| c.is_ascii_lowercase())
                        && !plural)
            });
        if starts_word && !out.ends_with('_') {
            out.push('_');
        }
        out.push(letter.to_ascii_lowercase());
    }
    out
}

/// Whether `name` matches `pattern`, in which `*` stands for anything.
pub fn matches(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((head, rest)) => name.strip_prefix(head).is_some_and(|tail| {
            (0..=tail.len()).any(|at| tail.is_char_boundary(at) && matches(rest, &tail[at..]))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_become_snake_case() {
        let check = |name: &str, expected: &str| assert_eq!(field(name), expected);
        check("clusterArn", "cluster_arn");
        check("enableECSManagedTags", "enable_ecs_managed_tags");
        check("ec2InstanceId", "ec2_instance_id");
        check("imageIDs", "image_ids");
        check("VPCZoneARNs", "vpc_zone_arns");
        check("type", "r#type");
        check("Ipv6CidrBlock", "ipv6_cidr_block");
        check("SAMLAssertion", "saml_assertion");
    }

    #[test]
    fn stars_match_anything() {
        assert!(matches("*Express*", "CreateExpressGatewayService"));
        assert!(matches("Get*", "Get"));
        assert!(!matches("Get*", "ListGets"));
        assert!(!matches("RunTask", "RunTasks"));
    }
}
