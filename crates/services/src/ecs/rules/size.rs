//! CPU and memory of a task: units, and the sizes that Fargate offers.

use crate::ecs::error::Error;

/// The smallest and the largest task size in CPU units, on any launch type.
const CPU_UNITS: std::ops::RangeInclusive<u32> = 128..=196_608;
/// The smallest task memory in MiB.
const LEAST_MEMORY_MIB: u32 = 4;

/// Reads a task's `cpu`: units (`"256"`) or cores (`"0.25 vCPU"`).
pub(crate) fn parse_cpu(raw: &str) -> Result<u32, Error> {
    let units = parse(raw, "vcpu").filter(|units| CPU_UNITS.contains(units));
    units.ok_or_else(|| Error::task_setting("cpu"))
}

/// Reads a task's `memory`: MiB (`"512"`) or GiB (`"0.5 GB"`).
pub(crate) fn parse_memory(raw: &str) -> Result<u32, Error> {
    let mib = parse(raw, "gb").filter(|mib| *mib >= LEAST_MEMORY_MIB);
    mib.ok_or_else(|| Error::task_setting("memory"))
}

/// A whole number, or a decimal number of `unit`s of 1024 each.
fn parse(raw: &str, unit: &str) -> Option<u32> {
    let raw = raw.trim().to_ascii_lowercase();
    let Some(number) = raw.strip_suffix(unit) else {
        return raw.parse().ok();
    };
    let number = number.trim_end();
    if number.is_empty() || !number.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
        return None;
    }
    let scaled = number.parse::<f64>().ok()? * 1024.0;
    (scaled.fract() == 0.0 && scaled <= f64::from(u32::MAX)).then_some(scaled as u32)
}

/// Whether Fargate offers a task of this size.
pub(crate) fn is_fargate_size(cpu_units: u32, memory_mib: u32) -> bool {
    const GIB: u32 = 1024;
    let steps = |first: u32, last: u32, step: u32| {
        memory_mib.is_multiple_of(GIB)
            && (first..=last).contains(&(memory_mib / GIB))
            && (memory_mib / GIB - first).is_multiple_of(step)
    };
    match cpu_units {
        256 => matches!(memory_mib, 512 | 1024 | 2048),
        512 => steps(1, 4, 1),
        1024 => steps(2, 8, 1),
        2048 => steps(4, 16, 1),
        4096 => steps(8, 30, 1),
        8192 => steps(16, 60, 4),
        16_384 => steps(32, 120, 8),
        _ => false,
    }
}

/// Refuses a size that Fargate does not offer.
pub(crate) fn check_fargate(cpu_units: u32, memory_mib: u32) -> Result<(), Error> {
    if is_fargate_size(cpu_units, memory_mib) {
        return Ok(());
    }
    Err(Error::Client(format!(
        "No Fargate configuration exists for given values: {cpu_units} CPU, {memory_mib} memory. See the Amazon \
         ECS documentation for the valid values."
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_and_cores_are_the_same() {
        let check = |raw: &str, expected: Option<u32>| assert_eq!(parse_cpu(raw).ok(), expected, "{raw:?}");
        check("256", Some(256));
        check("0.25 vCPU", Some(256));
        check(".25vcpu", Some(256));
        check("1 VCPU", Some(1024));
        check("192 vCPU", Some(196_608));
        for bad in ["", "0", "127", "-1", "256.5", "1 core", "vCPU", "0.0001 vCPU", "193 vCPU", "nan vcpu"] {
            check(bad, None);
        }
    }

    #[test]
    fn mebibytes_and_gibibytes_are_the_same() {
        let check =
            |raw: &str, expected: Option<u32>| assert_eq!(parse_memory(raw).ok(), expected, "{raw:?}");
        check("512", Some(512));
        check("0.5GB", Some(512));
        check("1 GB", Some(1024));
        check("30 gb", Some(30_720));
        for bad in ["", "0", "3", "1GiB", "one"] {
            check(bad, None);
        }
    }

    #[test]
    fn fargate_sizes_are_the_documented_ones() {
        let offered = |cpu: u32| {
            (0..=130 * 1024).step_by(512).filter(|memory| is_fargate_size(cpu, *memory)).collect::<Vec<u32>>()
        };
        assert_eq!(offered(256), [512, 1024, 2048]);
        assert_eq!(offered(512), [1024, 2048, 3072, 4096]);
        assert_eq!(offered(4096).len(), 23);
        assert_eq!(offered(8192), (4..=15).map(|n| n * 4096).collect::<Vec<_>>());
        assert_eq!(offered(16_384), (4..=15).map(|n| n * 8192).collect::<Vec<_>>());
        assert_eq!(offered(300), [0u32; 0]);
    }
}
