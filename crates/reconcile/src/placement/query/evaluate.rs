//! Asks an expression of one container instance.
//!
//! A subject has any number of values: an absent attribute has none, `task:group` has one a group. A positive
//! test holds when one value passes it, a negative one when no value passes its opposite.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use model::Timestamp;

use super::{Expression, Order, Subject, Test};

/// What is known of a container instance.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// Whether its agent is connected.
    pub agent_connected: bool,
    /// The agent's version.
    pub agent_version: &'a str,
    /// Attributes by name; some have no value.
    pub attributes: &'a BTreeMap<String, Option<String>>,
    /// The id in EC2's form.
    pub ec2_instance_id: &'a str,
    /// When it was registered.
    pub registered_at: Timestamp,
    /// Tasks that are RUNNING.
    pub running_tasks: u32,
    /// Groups of the tasks that should run on it.
    pub groups: &'a BTreeMap<String, u32>,
}

impl Expression {
    /// Whether the expression means this instance.
    pub fn holds(&self, facts: &Facts<'_>) -> bool {
        match self {
            Expression::Is(subject, test) => passes(subject, test, facts),
            Expression::And(a, b) => a.holds(facts) && b.holds(facts),
            Expression::Or(a, b) => a.holds(facts) || b.holds(facts),
            Expression::Not(inner) => !inner.holds(facts),
        }
    }
}

fn passes(subject: &Subject, test: &Test, facts: &Facts<'_>) -> bool {
    let values = values(subject, facts);
    let any = |of: &dyn Fn(&str) -> bool| values.iter().any(|value| of(value));
    match test {
        Test::Exists => !values.is_empty(),
        Test::NotExists => values.is_empty(),
        Test::Compares(Order::NotEqual, argument) => {
            !any(&|value| compares(subject, value, Order::Equal, argument))
        }
        Test::Compares(order, argument) => any(&|value| compares(subject, value, *order, argument)),
        Test::In(list) => any(&|value| is_in(subject, value, list)),
        Test::NotIn(list) => !any(&|value| is_in(subject, value, list)),
        Test::Matches(pattern) => any(&|value| pattern.is_match(value)),
        Test::NotMatches(pattern) => !any(&|value| pattern.is_match(value)),
    }
}

fn values(subject: &Subject, facts: &Facts<'_>) -> Vec<String> {
    match subject {
        Subject::AgentConnected => vec![facts.agent_connected.to_string()],
        Subject::AgentVersion => vec![facts.agent_version.to_owned()],
        Subject::Attribute(name) => {
            let found = facts.attributes.get(name);
            found.map(|value| value.clone().unwrap_or_default()).into_iter().collect()
        }
        Subject::Ec2InstanceId => vec![facts.ec2_instance_id.to_owned()],
        Subject::RegisteredAt => vec![facts.registered_at.as_millis().to_string()],
        Subject::RunningTasksCount => vec![facts.running_tasks.to_string()],
        Subject::TaskGroup => facts.groups.keys().cloned().collect(),
    }
}

fn is_in(subject: &Subject, value: &str, list: &[String]) -> bool {
    list.iter().any(|each| compares(subject, value, Order::Equal, each))
}

fn compares(subject: &Subject, value: &str, order: Order, argument: &str) -> bool {
    let stands = match subject {
        Subject::RegisteredAt => match (value.parse(), Span::parse(argument)) {
            (Ok(at), Some(span)) => span.place(at),
            _ => return false,
        },
        Subject::RunningTasksCount => value.parse::<u32>().ok().cmp(&argument.parse().ok()),
        Subject::AgentVersion => version(value).cmp(&version(argument)),
        // Numbers among attributes compare as numbers, everything else as text.
        Subject::Attribute(_) => match (value.parse::<f64>(), argument.parse::<f64>()) {
            (Ok(value), Ok(argument)) if order != Order::Equal => value.total_cmp(&argument),
            _ => value.cmp(argument),
        },
        Subject::AgentConnected | Subject::Ec2InstanceId | Subject::TaskGroup => value.cmp(argument),
    };
    match order {
        Order::Equal => stands.is_eq(),
        Order::NotEqual => stands.is_ne(),
        Order::Greater => stands.is_gt(),
        Order::GreaterOrEqual => stands.is_ge(),
        Order::Less => stands.is_lt(),
        Order::LessOrEqual => stands.is_le(),
    }
}

/// The numbers of a version.
pub(super) fn version(text: &str) -> Option<Vec<u32>> {
    text.trim_start_matches('v').split('.').map(|part| part.parse().ok()).collect()
}

/// The time that a date means: a day, or a second of it. Half open, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    from: i64,
    to: i64,
}

impl Span {
    /// Reads `2018-06-18`, `2018-06-18T22:28:28`, and the latter with `Z` or `+00:00`.
    pub(super) fn parse(text: &str) -> Option<Span> {
        let (date, time) = match text.split_once('T') {
            Some((date, time)) => (date, Some(time)),
            None => (text, None),
        };
        let mut parts = date.splitn(3, '-').map(|part| part.parse::<i64>().ok());
        let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
        let calendar = (1970..=9999).contains(&year) && (1..=12).contains(&month) && (1..=31).contains(&day);
        let midnight = calendar.then(|| days(year, month, day) * 86_400)?;
        let Some(time) = time else {
            return Some(Span { from: midnight * 1000, to: (midnight + 86_400) * 1000 });
        };
        let time = time.strip_suffix('Z').or_else(|| time.strip_suffix("+00:00")).unwrap_or(time);
        let mut parts = time.splitn(3, ':').map(|part| part.parse::<i64>().ok());
        let (hour, minute, second) = (parts.next()??, parts.next()??, parts.next()??);
        let clock = (0..24).contains(&hour) && (0..60).contains(&minute) && (0..=60).contains(&second);
        let from = clock.then(|| midnight + hour * 3600 + minute * 60 + second)? * 1000;
        Some(Span { from, to: from + 1000 })
    }

    fn place(self, at: i64) -> Ordering {
        if at < self.from {
            Ordering::Less
        } else if at >= self.to {
            Ordering::Greater
        } else {
            Ordering::Equal
        }
    }
}

/// Days from 1970-01-01 to a date of the Gregorian calendar (years counted from March, so that the leap day is last).
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year / 400, year % 400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(text: &str) -> bool {
        let pairs = [
            ("stack", Some("prod")),
            ("ecs.instance-type", Some("t2.small")),
            ("gpu", None),
            ("racks", Some("12")),
        ];
        let attributes: BTreeMap<String, Option<String>> =
            pairs.iter().map(|(name, value)| ((*name).to_owned(), value.map(str::to_owned))).collect();
        let groups = BTreeMap::from([("service:web".to_owned(), 2), ("databases".to_owned(), 1)]);
        let facts = Facts {
            agent_connected: true,
            agent_version: "1.10.2",
            attributes: &attributes,
            ec2_instance_id: "i-0123456789abcdef0",
            // 2018-06-18T22:28:28Z
            registered_at: Timestamp::from_millis(1_529_360_908_000),
            running_tasks: 3,
            groups: &groups,
        };
        Expression::parse(text).unwrap().holds(&facts)
    }

    fn check(expected: bool, all: &[&str]) {
        for text in all {
            assert_eq!(holds(text), expected, "{text}");
        }
    }

    #[test]
    fn every_operator_has_its_spellings() {
        check(
            true,
            &[
                "attribute:stack == prod",
                "attribute:stack equals 'prod'",
                "attribute:stack==\"prod\"",
                "attribute:stack != test",
                "attribute:stack not_equals test",
                "attribute:none != test",
                "attribute:gpu exists",
                "attribute:none !exists",
                "attribute:none not_exists",
                "attribute:stack in [test, prod]",
                "attribute:stack !in [test, 'beta']",
                "attribute:stack not_in [test]",
                "attribute:ecs.instance-type =~ t2.*",
                "attribute:ecs.instance-type matches (t2|m4)\\.(small|large)",
                "attribute:ecs.instance-type !~ t2",
                "attribute:ecs.instance-type not_matches g2.*",
                "attribute:racks > 9",
                "attribute:racks less_than_equal 12",
                "runningTasksCount >= 3",
                "runningTasksCount greater_than 2",
                "agentVersion > 1.9.0",
                "agentConnected == true",
                "ec2InstanceId in ['i-0123456789abcdef0', 'i-1']",
            ],
        );
        check(
            false,
            &[
                "attribute:stack == Prod",
                "attribute:stack !exists",
                "attribute:none == x",
                "attribute:none =~ .*",
                "attribute:stack in [test]",
                "runningTasksCount < 3",
                "agentVersion < 1.9.0",
            ],
        );
    }

    #[test]
    fn groups_are_many() {
        check(true, &["task:group == service:web", "task:group in [databases]", "not(task:group == other)"]);
        check(false, &["task:group != databases", "task:group == other", "!task:group == databases"]);
    }

    #[test]
    fn dates_mean_days_or_seconds() {
        check(
            true,
            &[
                "registeredAt == 2018-06-18",
                "registeredAt == 2018-06-18T22:28:28Z",
                "registeredAt <= 2018-06-18T22:28:28",
                "registeredAt > 2018-06-18T22:28:27+00:00",
                "registeredAt >= 2018-06-18",
                "registeredAt < 2018-06-19",
            ],
        );
        check(
            false,
            &["registeredAt > 2018-06-18", "registeredAt != 2018-06-18", "registeredAt > 2020-02-29"],
        );
    }

    #[test]
    fn not_binds_closer_than_and_and_and_closer_than_or() {
        check(
            true,
            &[
                "attribute:stack == prod or attribute:a == b and attribute:a == c",
                "(attribute:stack == prod || attribute:a == b) && attribute:gpu exists",
                "not attribute:stack == test and attribute:gpu exists",
                "attribute:a == b || !(attribute:stack == test)",
            ],
        );
        check(
            false,
            &[
                "(attribute:stack == prod or attribute:a == b) and attribute:a == c",
                "not (attribute:stack == prod) and attribute:gpu exists",
            ],
        );
    }
}
