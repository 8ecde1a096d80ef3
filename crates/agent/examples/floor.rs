//! What starting a container costs when there is nothing but containerd: a snapshot, a container and a process by gRPC.
//!
//! `floor SOCKET RUNTIME SPEC.json SNAPSHOT RUNS` starts RUNS containers one after the other and prints how many
//! milliseconds each took, a line each; the removal is not counted. `benches/tasks.py` compares whole tasks with it.

use std::path::Path;
use std::time::{Duration, Instant};

use agent::containerd::{Connection, OciRuntime};
use agent::runtime::{Runtime, Start};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [socket, oci, spec, snapshot, runs] = &arguments[..] else {
        return Err("usage: floor SOCKET RUNTIME SPEC.json SNAPSHOT RUNS".into());
    };
    let connection = Connection::open(Path::new(socket), None, Duration::from_secs(10)).await?;
    let scratch = tempfile::tempdir()?;
    let oci = OciRuntime::at(Path::new(oci));
    let runtime = Runtime::new(connection, oci, "floor", scratch.path().to_path_buf());
    let spec = serde_json::from_slice(&std::fs::read(spec)?)?;
    for run in 0..runs.parse::<u32>()? {
        let id = format!("floor-{}-{run}", std::process::id());
        let begun = Instant::now();
        let mounts = runtime.prepare_rootfs(&id, snapshot).await?;
        runtime.create(&id, "floor", "floor", &spec).await?;
        let start = Start { mounts, ..Start::default() };
        runtime.start(&id, &start, std::future::ready(Ok(()))).await?;
        println!("{:.3}", begun.elapsed().as_secs_f64() * 1000.0);
        runtime.delete(&id).await?;
    }
    Ok(())
}
