//! Who may ask, and what is no question at all.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::world::World;

fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

#[tokio::test]
async fn without_credentials_the_client_is_told_where_to_get_some() {
    let world = World::new().await;
    let answer =
        world.send("GET", "/v2/", &[("host", "127.0.0.1:4566")], "").await.refuses(401, "UNAUTHORIZED");
    assert_eq!(
        answer.header("www-authenticate"),
        "Basic realm=\"http://127.0.0.1:4566/\",service=\"ecr.amazonaws.com\""
    );
    let answer = world.send("GET", "/v2/", &[("host", "a\"b c")], "").await.is(401);
    assert_eq!(
        answer.header("www-authenticate"),
        "Basic realm=\"http://abc/\",service=\"ecr.amazonaws.com\""
    );
}

#[tokio::test]
async fn the_base_answers_a_token() {
    let world = World::new().await;
    assert_eq!(world.get("/v2/").await.is(200).body, "{}");
    world.get("/v2").await.is(200);
    assert!(world.ask("HEAD", "/v2/", &[], "").await.is(200).body.is_empty());
}

#[tokio::test]
async fn bad_credentials_are_refused() {
    let world = World::new().await;
    for (user, password) in [("AWS", "x"), ("root", world.token.as_str()), ("AWS", "")] {
        let header = basic(user, password);
        world.send("GET", "/v2/", &[("authorization", &header)], "").await.refuses(403, "DENIED");
    }
    world.send("GET", "/v2/", &[("authorization", "Bearer x")], "").await.refuses(403, "DENIED");
}

#[tokio::test]
async fn an_old_token_is_refused() {
    let mut world = World::new().await;
    world.now = world.now + registry::token::LIFETIME;
    let answer = world.get("/v2/").await.refuses(403, "DENIED");
    assert!(answer.json()["errors"][0]["message"].as_str().unwrap().contains("expired"));
}

#[tokio::test]
async fn the_gate_is_asked() {
    let mut world = World::new().await;
    world.token = world.token_of("arn:aws:iam::123456789012:user/eve", "us-east-2");
    world.get("/v2/team/web/tags/list").await.refuses(403, "DENIED");
    world.get("/v2/_catalog").await.refuses(403, "DENIED");
    world.ask("POST", "/v2/team/web/blobs/uploads/", &[], "").await.refuses(403, "DENIED");
    // Who may not ask does not learn what exists either.
    world.get("/v2/nothing/tags/list").await.refuses(403, "DENIED");
}

#[tokio::test]
async fn a_token_shows_its_own_region_only() {
    let mut world = World::new().await;
    world.token = world.token_of("arn:aws:iam::123456789012:root", "eu-west-1");
    world.get("/v2/team/web/tags/list").await.refuses(404, "NAME_UNKNOWN");
    let host = ("host", "123456789012.dkr.ecr.us-east-2.localhost:4566");
    world.ask("GET", "/v2/", &[host], "").await.refuses(403, "DENIED");
    world.token = world.token_of("arn:aws:iam::123456789012:root", "us-east-2");
    world.ask("GET", "/v2/", &[host], "").await.is(200);
}

#[tokio::test]
async fn a_missing_repository_is_named() {
    let world = World::new().await;
    let answer = world.ask("POST", "/v2/nope/blobs/uploads/", &[], "").await.refuses(404, "NAME_UNKNOWN");
    assert_eq!(
        answer.json()["errors"][0]["message"],
        "The repository with name 'nope' does not exist in the registry with id '123456789012'"
    );
}

#[tokio::test]
async fn other_paths_and_methods_are_unsupported() {
    let world = World::new().await;
    for (method, path) in [
        ("GET", "/v2/team/web"),
        ("POST", "/v2/"),
        ("DELETE", "/v2/_catalog"),
        ("PUT", "/v2/team/web/tags/list"),
        ("PATCH", "/v2/team/web/manifests/v1"),
        ("GET", "/v2/team/web/blobs/uploads/"),
    ] {
        world.ask(method, path, &[], "").await.refuses(405, "UNSUPPORTED");
    }
    world.get("/v2/Team/tags/list").await.refuses(400, "NAME_INVALID");
}
