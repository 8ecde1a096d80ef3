//! Prints which operations of which service are served, as JSON, for `cargo xtask compat`.

use serde_json::json;

fn main() {
    let services = wire::generated::SERVICES.iter().map(|service| {
        let room = services::ROOMS.iter().find(|room| std::ptr::eq(room.service, *service));
        let is_served = |name: &str| room.is_some_and(|room| room.entry(name).is_some());
        let (served, unserved): (Vec<_>, Vec<_>) =
            service.operations.iter().map(|operation| operation.name).partition(|name| is_served(name));
        json!({ "id": service.id, "version": service.api_version, "served": served, "unserved": unserved })
    });
    println!("{}", serde_json::Value::Array(services.collect()));
}
