//! Property selectors: `$.user.id`, `$.actions[2]`, `$.*`, `$.list[*].name`, `$.['cluster.name']`.

use serde_json::Value;

use crate::pattern::error::PatternError;
use crate::pattern::scanner::Scanner;

/// A way into a JSON document.
#[derive(Debug)]
pub(super) struct Selector {
    /// As it was written.
    pub(super) written: String,
    steps: Vec<Step>,
}

#[derive(Debug)]
enum Step {
    Field(String),
    Element(usize),
    /// Every field of an object.
    EveryField,
    /// Every element of an array.
    EveryElement,
}

impl Selector {
    pub(super) fn parse(scanner: &mut Scanner<'_>) -> Result<Selector, PatternError> {
        let mut selector = Selector { written: "$".to_owned(), steps: Vec::new() };
        if !scanner.eat("$") {
            return Err(PatternError::Invalid);
        }
        loop {
            let step = if scanner.eat(".") {
                selector.written.push('.');
                field(scanner)?
            } else if scanner.peek() == Some('[') {
                bracket(scanner)?
            } else {
                break;
            };
            selector.written.push_str(&step.written());
            selector.steps.push(step);
        }
        // One wildcard selector is the service's quota.
        if selector.steps.is_empty() || selector.wildcards() > 1 {
            return Err(PatternError::Invalid);
        }
        Ok(selector)
    }

    /// How many wildcards it has.
    pub(super) fn wildcards(&self) -> usize {
        self.steps.iter().filter(|step| matches!(step, Step::EveryField | Step::EveryElement)).count()
    }

    /// The names of fields that a document must have for the selector to find anything.
    pub(super) fn fields(&self) -> impl Iterator<Item = &str> {
        self.steps.iter().filter_map(|step| match step {
            Step::Field(name) => Some(name.as_str()),
            Step::Element(_) | Step::EveryField | Step::EveryElement => None,
        })
    }

    /// What the selector finds in `document`.
    pub(super) fn find<'v>(&self, document: &'v Value) -> Vec<&'v Value> {
        let mut found = vec![document];
        for step in &self.steps {
            found = found.into_iter().flat_map(|value| step.into(value)).collect();
        }
        found
    }
}

impl Step {
    fn into<'v>(&self, value: &'v Value) -> Vec<&'v Value> {
        match (self, value) {
            (Step::Field(name), Value::Object(fields)) => fields.get(name).into_iter().collect(),
            (Step::Element(at), Value::Array(items)) => items.get(*at).into_iter().collect(),
            (Step::EveryField, Value::Object(fields)) => fields.values().collect(),
            (Step::EveryElement, Value::Array(items)) => items.iter().collect(),
            _ => Vec::new(),
        }
    }

    fn written(&self) -> String {
        match self {
            Step::Field(name) if name.chars().all(is_name) => name.clone(),
            Step::Field(name) => format!("['{name}']"),
            Step::Element(at) => format!("[{at}]"),
            Step::EveryField => "*".to_owned(),
            Step::EveryElement => "[*]".to_owned(),
        }
    }
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || c == '-' || c == '_'
}

/// What follows a dot.
fn field(scanner: &mut Scanner<'_>) -> Result<Step, PatternError> {
    match scanner.peek() {
        Some('*') => {
            scanner.eat("*");
            Ok(Step::EveryField)
        }
        Some('[') => bracket(scanner),
        // Fields in double quotes are refused by the service, with this text.
        Some('"') => Err(PatternError::Characters("$.\"".to_owned())),
        _ => match scanner.take_while(is_name) {
            "" => Err(PatternError::Invalid),
            name => Ok(Step::Field(name.to_owned())),
        },
    }
}

fn bracket(scanner: &mut Scanner<'_>) -> Result<Step, PatternError> {
    scanner.eat("[");
    scanner.skip_space();
    let step = match scanner.peek() {
        Some('*') => {
            scanner.eat("*");
            Step::EveryElement
        }
        Some('"') => Step::Field(scanner.quoted()?),
        Some('\'') => {
            scanner.eat("'");
            let name = scanner.take_while(|c| c != '\'').to_owned();
            if !scanner.eat("'") {
                return Err(PatternError::Invalid);
            }
            Step::Field(name)
        }
        _ => {
            let digits = scanner.take_while(|c| c.is_ascii_digit());
            Step::Element(digits.parse().map_err(|_| PatternError::Invalid)?)
        }
    };
    scanner.skip_space();
    if scanner.eat("]") { Ok(step) } else { Err(PatternError::Invalid) }
}
