//! The bill of materials of an image, as CycloneDX 1.5 JSON.

use serde_json::{Value, json};

use super::packages::Inventory;

/// Writes the bill of the image `name` at `digest`.
pub(super) fn write(name: &str, digest: &str, serial: &str, inventory: &Inventory) -> Value {
    let component = |package: &super::packages::Package| {
        let url = package.url();
        let source = package.source.as_ref().map(
            |(source, version)| json!({ "name": "longshore:source", "value": format!("{source} {version}") }),
        );
        let path = json!({ "name": "longshore:path", "value": package.path });
        json!({
            "type": "library", "bom-ref": url, "name": package.name, "version": package.version, "purl": url,
            "properties": source.into_iter().chain([path]).collect::<Vec<_>>(),
        })
    };
    let system =
        inventory.distribution.iter().map(|title| json!({ "type": "operating-system", "name": title }));
    json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "serialNumber": format!("urn:uuid:{serial}"),
        "version": 1,
        "metadata": {
            "tools": [{ "name": "longshore" }],
            "component": { "type": "container", "name": name, "version": digest },
        },
        "components": system.chain(inventory.packages.iter().map(component)).collect::<Vec<_>>(),
    })
}
