//! The paths of the endpoint. Pure.

/// A version of the metadata API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Api {
    /// Version 3.
    V3,
    /// Version 4.
    V4,
}

impl Api {
    /// As error texts name it.
    pub fn name(self) -> &'static str {
        match self {
            Api::V3 => "V3",
            Api::V4 => "V4",
        }
    }
}

/// What a path asks for. Ids are those of containers, or of credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// A container.
    Container(Api, String),
    /// The task of a container; whether with tags.
    Task(Api, String, bool),
    /// What a container uses.
    ContainerStats(Api, String),
    /// What all containers use.
    TaskStats(Api, String),
    /// A role's credentials.
    Credentials(String),
    /// Protection from scale-in.
    Protection(String),
    /// Nothing.
    Unknown,
}

impl Route {
    /// Reads a path.
    pub fn parse(path: &str) -> Route {
        let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
        let id = |part: &&str| (*part).to_string();
        match parts.as_slice() {
            ["v2", "credentials"] => Route::Credentials(String::new()),
            ["v2", "credentials", credentials] => Route::Credentials(id(credentials)),
            ["api", container, "task-protection", "v1", "state"] => Route::Protection(id(container)),
            [version @ ("v3" | "v4"), rest @ ..] => {
                let api = if *version == "v3" { Api::V3 } else { Api::V4 };
                match rest {
                    [] => Route::Container(api, String::new()),
                    [container] => Route::Container(api, id(container)),
                    [container, "task"] => Route::Task(api, id(container), false),
                    [container, "taskWithTags"] => Route::Task(api, id(container), true),
                    [container, "stats"] => Route::ContainerStats(api, id(container)),
                    [container, "task", "stats"] => Route::TaskStats(api, id(container)),
                    _ => Route::Unknown,
                }
            }
            _ => Route::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_those_of_ecs() {
        let id = || "0123-1".to_string();
        for (path, expected) in [
            ("/v4/0123-1", Route::Container(Api::V4, id())),
            ("/v4/0123-1/", Route::Container(Api::V4, id())),
            ("/v4/0123-1/task", Route::Task(Api::V4, id(), false)),
            ("/v4/0123-1/taskWithTags", Route::Task(Api::V4, id(), true)),
            ("/v4/0123-1/stats", Route::ContainerStats(Api::V4, id())),
            ("/v3/0123-1/task/stats", Route::TaskStats(Api::V3, id())),
            ("/v2/credentials/0123-1", Route::Credentials(id())),
            ("/api/0123-1/task-protection/v1/state", Route::Protection(id())),
            ("/v4/", Route::Container(Api::V4, String::new())),
            ("/latest/meta-data", Route::Unknown),
            ("/", Route::Unknown),
        ] {
            assert_eq!(Route::parse(path), expected, "{path}");
        }
    }
}
