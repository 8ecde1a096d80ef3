//! Capacity provider strategies: how many tasks go to which provider.
//!
//! The item with a base takes its base first; what is left is shared by weight, each task going to the
//! provider that is furthest behind its share, so that the shares hold for any count (ECS documents the
//! ratio only). Source: API_CapacityProviderStrategyItem.

use model::ecs::cluster::StrategyItem;

/// The provider of each of `count` tasks, in order. Every provider is named once; tasks
/// beyond the base need an item with a weight.
pub(crate) fn assign(strategy: &[StrategyItem], count: usize) -> Vec<String> {
    let mut chosen: Vec<String> = Vec::with_capacity(count);
    for item in strategy {
        let base = usize::try_from(item.base).unwrap_or(count).min(count - chosen.len());
        chosen.extend(std::iter::repeat_n(item.capacity_provider.clone(), base));
    }
    let mut given = vec![0u64; strategy.len()];
    while chosen.len() < count {
        let behind = strategy.iter().zip(&given).enumerate().filter(|(_, (item, _))| item.weight > 0);
        // given/weight, compared without division: the smaller is further behind.
        let next = behind.min_by(|(_, (a, x)), (_, (b, y))| {
            ((**x + 1) * u64::from(b.weight)).cmp(&((**y + 1) * u64::from(a.weight)))
        });
        let Some((at, (item, _))) = next else { break };
        given[at] += 1;
        chosen.push(item.capacity_provider.clone());
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(capacity_provider: &str, weight: u32, base: u32) -> StrategyItem {
        StrategyItem { capacity_provider: capacity_provider.into(), weight, base }
    }

    fn check(strategy: &[StrategyItem], count: usize, expected: &[usize]) {
        let chosen = assign(strategy, count);
        let counts: Vec<_> = strategy
            .iter()
            .map(|item| chosen.iter().filter(|name| **name == item.capacity_provider).count())
            .collect();
        assert_eq!(counts, expected);
    }

    #[test]
    fn shares_follow_base_then_weight() {
        check(&[item("FARGATE", 1, 0), item("FARGATE_SPOT", 4, 0)], 5, &[1, 4]);
        check(&[item("FARGATE", 1, 2), item("FARGATE_SPOT", 3, 0)], 10, &[4, 6]);
        check(&[item("FARGATE", 0, 3), item("FARGATE_SPOT", 1, 0)], 2, &[2, 0]);
    }
}
