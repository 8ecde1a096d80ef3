//! Names and paths, which users, groups, roles, policies and instance profiles share.

use crate::ecs::text::name;

name! {
    /// A name, unique in its account among its kind, whatever its case and its path.
    pub struct EntityName: "name", |raw| {
        (1..=128).contains(&raw.len()) && raw.bytes().all(|b| b.is_ascii_alphanumeric() || b"+=,.@-_".contains(&b))
    };
}

name! {
    /// `/`, or words between slashes.
    pub struct EntityPath: "path", |raw| {
        raw.len() <= 512 && raw.starts_with('/') && raw.ends_with('/') && raw.bytes().all(|b| b.is_ascii_graphic())
    };
}

impl EntityName {
    /// The name as it is compared: IAM does not tell names apart by their case.
    pub fn folded(&self) -> String {
        self.as_str().to_ascii_lowercase()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_iams_characters() {
        for (name, expected) in
            [("eve", true), ("a+=,.@-_Z", true), ("", false), ("a b", false), ("a/b", false)]
        {
            assert_eq!(EntityName::new(name).is_ok(), expected, "{name}");
        }
        assert_eq!(EntityName::new("Eve").unwrap().folded(), "eve");
    }
}
