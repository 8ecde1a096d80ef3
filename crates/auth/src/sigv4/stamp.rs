//! The time at which a request was signed, as its headers say it.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use model::Timestamp;

const BASIC: &str = "%Y%m%dT%H%M%SZ";

/// A signing time and its text in the basic form, `20150830T123600Z`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    pub(super) time: Timestamp,
    pub(super) text: String,
}

impl Stamp {
    /// Reads `x-amz-date` or `Date`: the basic form or an HTTP date.
    pub(super) fn parse(raw: &str) -> Option<Stamp> {
        let raw = raw.trim();
        let time = match DateTime::strptime(BASIC, raw) {
            Ok(civil) => TimeZone::UTC.to_timestamp(civil).ok()?,
            Err(_) => jiff::fmt::rfc2822::parse(raw).ok()?.timestamp(),
        };
        let time = Timestamp::from_millis(time.as_millisecond());
        Some(Stamp { time, text: format(time) })
    }

    /// The day: `20150830`.
    pub(super) fn date(&self) -> &str {
        &self.text[..8]
    }
}

/// The basic form of a time, without fractions.
pub fn format(time: Timestamp) -> String {
    match jiff::Timestamp::from_millisecond(time.as_millis()) {
        Ok(time) => time.strftime(BASIC).to_string(),
        Err(_) => "00000000T000000Z".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_are_read() {
        let stamp = Stamp::parse("20150830T123600Z").unwrap();
        assert_eq!(stamp.time.as_millis(), 1_440_938_160_000);
        assert_eq!(stamp.date(), "20150830");
        assert_eq!(Stamp::parse("Sun, 30 Aug 2015 12:36:00 GMT"), Some(stamp));
        for bad in ["", "20150830", "20150830T123600", "20151330T123600Z", "yesterday"] {
            assert_eq!(Stamp::parse(bad), None, "{bad}");
        }
    }
}
