//! The spot market: what its price follows, and who gives way first.

use crate::Dollars;

/// A spot price in hundredths of the price on demand.
pub type Level = u32;

/// What spot costs on an empty host, and on one that is promised whole.
const LEVEL_EMPTY: Level = 30;
const LEVEL_FULL: Level = 100;

/// The level when `promised` of `limit` bytes are: it rises with the square of what is used, slowly at first.
pub fn level(limit: u64, promised: u64) -> Level {
    let thousandth = u128::from(promised.min(limit)) * 1_000 / u128::from(limit.max(1));
    let square = u32::try_from(thousandth * thousandth / 1_000).unwrap_or(1_000);
    LEVEL_EMPTY + (LEVEL_FULL - LEVEL_EMPTY) * square / 1_000
}

/// From this level on, interruptions are likely: instances are told to prepare.
pub const LEVEL_RISKY: Level = 86;

/// The price of an instance that costs `on_demand`, rounded up.
pub fn spot_price(on_demand: Dollars, level: Level) -> Dollars {
    Dollars((on_demand.0 * u64::from(level)).div_ceil(100))
}

/// A spot instance as the market sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    pub bytes: u64,
    /// What its buyer pays at most, and what its type costs on demand.
    pub most: Dollars,
    pub on_demand: Dollars,
    pub since: i64,
}

/// The order in which spot instances give way: first who would pay least for what they have, among equals who came
/// last.
pub fn order_of_yielding(held: &[Held]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..held.len()).collect();
    let rank = |index: &usize| {
        held.get(*index).map(|one| {
            let willing = u128::from(one.most.0) * 1_000_000 / u128::from(one.on_demand.0.max(1));
            (willing, std::cmp::Reverse(one.since))
        })
    };
    order.sort_by_key(rank);
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_spot_price_follows_what_is_left() {
        let table = [(0, 30), (250, 34), (500, 47), (750, 69), (900, 86), (1_000, 100), (2_000, 100)];
        for (promised, expected) in table {
            assert_eq!(level(1_000, promised), expected, "{promised}");
        }
        assert_eq!(level(0, 0), 30);
        assert_eq!(spot_price(Dollars(10_400), 30), Dollars(3_120));
        assert_eq!(spot_price(Dollars(3), 34), Dollars(2), "rounded up");
        assert_eq!(spot_price(Dollars(10_400), 100), Dollars(10_400));
    }

    #[test]
    fn who_pays_least_gives_way_first_and_then_who_came_last() {
        let held = |most, on_demand, since| Held {
            bytes: 1,
            most: Dollars(most),
            on_demand: Dollars(on_demand),
            since,
        };
        let all = [held(100, 100, 1), held(50, 100, 2), held(1_000, 1_000, 3), held(900, 1_000, 0)];
        assert_eq!(order_of_yielding(&all), [1, 3, 2, 0]);
        assert_eq!(order_of_yielding(&[]), [] as [usize; 0]);
    }
}
