//! The bounds of a rolling deployment, rounded as ECS rounds them.

/// The least healthy tasks: percent of the desired count, rounded up.
pub fn least_healthy(desired: u32, minimum_healthy_percent: u32) -> u32 {
    percent(desired, minimum_healthy_percent, u64::div_ceil)
}

/// The most tasks: percent of the desired count, rounded down.
pub fn most_present(desired: u32, maximum_percent: u32) -> u32 {
    percent(desired, maximum_percent, |product, hundred| product / hundred)
}

fn percent(desired: u32, percent: u32, divide: impl Fn(u64, u64) -> u64) -> u32 {
    let exact = divide(u64::from(desired) * u64::from(percent), 100);
    u32::try_from(exact).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_minimum_is_rounded_up_and_the_maximum_down() {
        let check = |desired, minimum, maximum, expected| {
            assert_eq!((least_healthy(desired, minimum), most_present(desired, maximum)), expected);
        };
        check(3, 50, 150, (2, 4));
        check(1, 50, 150, (1, 1));
        check(4, 100, 200, (4, 8));
        check(0, 100, 200, (0, 0));
        check(7, 0, 125, (0, 8));
        check(u32::MAX, 100, 200, (u32::MAX, u32::MAX));
    }
}
