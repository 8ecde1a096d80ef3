//! Samples in the format of Docker's statistics. Pure.

use serde_json::{Map, Value, json};

use super::sample::Sample;

/// Two samples as Docker renders them; without an earlier one its half is empty.
pub(super) fn render(name: &str, id: &str, earlier: Option<&Sample>, now: &Sample) -> Value {
    let time = |sample: &Sample| {
        jiff::Timestamp::from_millisecond(sample.read_at).map(|at| at.to_string()).unwrap_or_default()
    };
    let none = Sample::default();
    let mut stats = json!({
        "read": time(now),
        "preread": earlier.map_or_else(|| "0001-01-01T00:00:00Z".to_string(), time),
        "pids_stats": {"current": now.processes},
        "blkio_stats": {},
        "num_procs": 0,
        "storage_stats": {},
        "cpu_stats": cpu(now),
        "precpu_stats": cpu(earlier.unwrap_or(&none)),
        "memory_stats": memory(now),
        "name": name,
        "id": id,
        "networks": networks(now),
    });
    if let Some(rates) = earlier.and_then(|earlier| rates(earlier, now)) {
        stats["network_rate_stats"] = rates;
    }
    stats
}

fn cpu(sample: &Sample) -> Value {
    let mut usage = json!({
        "total_usage": sample.cpu_total,
        "usage_in_kernelmode": sample.cpu_kernel,
        "usage_in_usermode": sample.cpu_user,
    });
    if !sample.cpu_each.is_empty() {
        usage["percpu_usage"] = json!(sample.cpu_each);
    }
    json!({
        "cpu_usage": usage,
        "system_cpu_usage": sample.system_cpu,
        "online_cpus": sample.online_cpus,
        "throttling_data": {"periods": sample.periods, "throttled_periods": sample.throttled_periods,
            "throttled_time": sample.throttled_time},
    })
}

fn memory(sample: &Sample) -> Value {
    let details: Map<String, Value> =
        sample.memory_details.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
    json!({
        "usage": sample.memory_usage,
        "max_usage": sample.memory_max_usage,
        "stats": details,
        "failcnt": sample.memory_failures,
        "limit": sample.memory_limit,
    })
}

fn networks(sample: &Sample) -> Value {
    let names = [
        "rx_bytes",
        "rx_packets",
        "rx_errors",
        "rx_dropped",
        "tx_bytes",
        "tx_packets",
        "tx_errors",
        "tx_dropped",
    ];
    let network = |values: &[u64; 8]| -> Map<String, Value> {
        names.iter().zip(values).map(|(name, value)| ((*name).to_string(), json!(value))).collect()
    };
    let all = sample.networks.iter().map(|(name, values)| (name.clone(), Value::Object(network(values))));
    Value::Object(all.collect())
}

/// What ECS adds to Docker's format.
fn rates(earlier: &Sample, now: &Sample) -> Option<Value> {
    let seconds = (now.read_at - earlier.read_at) as f64 / 1000.0;
    let total = |sample: &Sample, column: usize| {
        sample.networks.iter().map(|(_, values)| values[column]).sum::<u64>()
    };
    let rate = |column| total(now, column).saturating_sub(total(earlier, column)) as f64 / seconds;
    (seconds > 0.0).then(|| json!({"rx_bytes_per_sec": rate(0), "tx_bytes_per_sec": rate(4)}))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_samples_make_dockers_document() {
        let earlier = Sample {
            read_at: 1_700_000_000_000,
            cpu_total: 5,
            networks: vec![("eth0".into(), [100, 0, 0, 0, 10, 0, 0, 0])],
            ..Sample::default()
        };
        let now = Sample {
            read_at: 1_700_000_002_000,
            cpu_total: 9,
            memory_usage: 7,
            networks: vec![("eth0".into(), [300, 0, 0, 0, 10, 0, 0, 0])],
            ..Sample::default()
        };
        let stats = render("app", "0123-1", Some(&earlier), &now);
        assert_eq!(stats["cpu_stats"]["cpu_usage"]["total_usage"], 9);
        assert_eq!(stats["precpu_stats"]["cpu_usage"]["total_usage"], 5);
        assert_eq!(stats["memory_stats"]["usage"], 7);
        assert_eq!(stats["networks"]["eth0"]["rx_bytes"], 300);
        assert_eq!(stats["network_rate_stats"], json!({"rx_bytes_per_sec": 100.0, "tx_bytes_per_sec": 0.0}));
        assert!(render("app", "0123-1", None, &now).get("network_rate_stats").is_none());
    }
}
