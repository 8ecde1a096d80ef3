//! How bad a vulnerability is: the database's own word, or the base score of its CVSS vector.
//!
//! CVSS v3.1, section 7.1; its ratings name the severities. Version 4 vectors have no formula,
//! only tables: without the database's own word they stay undefined.

use serde::{Deserialize, Serialize};

/// The severities of ECR, the least first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Severity {
    /// Nobody rated it.
    #[default]
    Undefined,
    /// Of no consequence by itself.
    Informational,
    /// Low.
    Low,
    /// Medium.
    Medium,
    /// High.
    High,
    /// Critical.
    Critical,
}

impl Severity {
    /// The severity as ECR writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Severity::Undefined => "UNDEFINED",
            Severity::Informational => "INFORMATIONAL",
            Severity::Low => "LOW",
            Severity::Medium => "MEDIUM",
            Severity::High => "HIGH",
            Severity::Critical => "CRITICAL",
        }
    }

    /// The severity that a database's word means.
    pub(crate) fn named(word: &str) -> Option<Self> {
        match word.to_ascii_lowercase().as_str() {
            "critical" => Some(Severity::Critical),
            "high" | "important" => Some(Severity::High),
            "medium" | "moderate" => Some(Severity::Medium),
            "low" | "minor" => Some(Severity::Low),
            "negligible" | "unimportant" | "none" | "informational" => Some(Severity::Informational),
            _ => None,
        }
    }

    /// The severity of a base score.
    pub(crate) fn of_score(score: f64) -> Self {
        match score {
            score if score >= 9.0 => Severity::Critical,
            score if score >= 7.0 => Severity::High,
            score if score >= 4.0 => Severity::Medium,
            score if score > 0.0 => Severity::Low,
            _none => Severity::Informational,
        }
    }
}

/// The base score of a `CVSS:3.x` vector.
pub(crate) fn base_score(vector: &str) -> Option<f64> {
    let rest = vector.strip_prefix("CVSS:3.0/").or_else(|| vector.strip_prefix("CVSS:3.1/"))?;
    let metric = |name: &str| rest.split('/').find_map(|pair| pair.strip_prefix(name)?.strip_prefix(':'));
    let changed = metric("S")? == "C";
    let attack = match metric("AV")? {
        "N" => 0.85,
        "A" => 0.62,
        "L" => 0.55,
        "P" => 0.2,
        _ => return None,
    };
    let complexity = if metric("AC")? == "L" { 0.77 } else { 0.44 };
    let privileges = match (metric("PR")?, changed) {
        ("N", _) => 0.85,
        ("L", false) => 0.62,
        ("L", true) => 0.68,
        ("H", false) => 0.27,
        ("H", true) => 0.5,
        _ => return None,
    };
    let interaction = if metric("UI")? == "N" { 0.85 } else { 0.62 };
    let impact = |name: &str| {
        Some(match metric(name)? {
            "H" => 0.56,
            "L" => 0.22,
            _none => 0.0,
        })
    };
    let lost: f64 = 1.0 - (1.0 - impact("C")?) * (1.0 - impact("I")?) * (1.0 - impact("A")?);
    let impact: f64 =
        if changed { 7.52 * (lost - 0.029) - 3.25 * (lost - 0.02).powi(15) } else { 6.42 * lost };
    if impact <= 0.0 {
        return Some(0.0);
    }
    let exploitability = 8.22 * attack * complexity * privileges * interaction;
    let sum: f64 = impact + exploitability;
    let score = if changed { (1.08 * sum).min(10.0) } else { sum.min(10.0) };
    // Rounded up to one decimal, safe from the noise of binary fractions (appendix A).
    Some((score * 10.0 - 1e-6).ceil() / 10.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_vectors_have_their_known_scores() {
        for (vector, score) in [
            ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", 9.8),
            ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H", 10.0),
            ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H", 7.5),
            ("CVSS:3.0/AV:L/AC:L/PR:L/UI:N/S:U/C:H/I:H/A:H", 7.8),
            ("CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N", 6.1),
            ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:N", 0.0),
        ] {
            assert_eq!(base_score(vector), Some(score), "{vector}");
        }
        assert_eq!(base_score("CVSS:4.0/AV:N"), None);
        assert_eq!(base_score("nonsense"), None);
    }

    #[test]
    fn scores_have_their_ratings() {
        let rated = [9.0, 7.0, 4.0, 0.1, 0.0].map(Severity::of_score);
        let expected =
            [Severity::Critical, Severity::High, Severity::Medium, Severity::Low, Severity::Informational];
        assert_eq!(rated, expected);
        assert_eq!(Severity::named("MODERATE"), Some(Severity::Medium));
    }
}
