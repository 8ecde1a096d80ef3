//! How long the steps of a task take: told at `debug`, where the benchmarks read it.

use std::time::Instant;

/// Does a step and tells how long it took.
pub async fn timed<T>(step: &'static str, work: impl Future<Output = T>) -> T {
    let begun = Instant::now();
    let answer = work.await;
    tracing::debug!(step, micros = begun.elapsed().as_micros(), "a step took");
    answer
}
