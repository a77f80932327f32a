//! Blocks read back, are small, and tell damage.

use proptest::prelude::*;

use super::*;

const WINDOW: Millis = 20_000 * 86_400_000;

fn sample() -> impl Strategy<Value = Sample> {
    let values = prop::collection::vec((0.0..1e9f64, 1.0..100.0f64), 1..20);
    prop_oneof![
        4 => (-1e6..1e6f64).prop_map(Sample::Single),
        2 => values.prop_map(|values| Sample::of_values(values).unwrap()),
        1 => (1.0..9.0f64).prop_map(|count| Sample::Set(Box::new(Set {
            count, sum: 3.0, minimum: 1.0, maximum: 2.0, spread: Spread::Unknown,
        }))),
    ]
}

proptest! {
    #[test]
    fn any_samples_read_back(all in prop::collection::btree_map(0i64..1_440, sample(), 0..60), through: u64) {
        let mut samples: Vec<_> =
            all.into_iter().map(|(minute, sample)| (WINDOW + minute * 60_000, sample)).collect();
        let bytes = encode(Tier::Minute, WINDOW, through, &mut samples);
        let block = decode(Tier::Minute, WINDOW, &bytes).unwrap();
        prop_assert_eq!(block.through, through);
        prop_assert_eq!(block.samples, samples);
    }

    #[test]
    fn damage_is_told_and_nothing_breaks(mut bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = decode(Tier::Second, WINDOW, &bytes);
        if let Some(first) = bytes.first_mut() {
            *first = VERSION;
        }
        let _ = decode(Tier::Second, WINDOW, &bytes);
    }
}

/// Bytes for each of a day's samples, one a minute.
fn bytes_each(value: impl Fn(u32) -> f64) -> f64 {
    let mut samples: Vec<_> =
        (0..1_440).map(|n| (WINDOW + i64::from(n) * 60_000, Sample::Single(value(n)))).collect();
    let bytes = encode(Tier::Minute, WINDOW, 7, &mut samples);
    assert_eq!(decode(Tier::Minute, WINDOW, &bytes).unwrap().samples, samples);
    f64::from(u32::try_from(bytes.len()).unwrap()) / 1_440.0
}

#[test]
fn regular_samples_take_two_bytes_at_most() {
    let chance = |n: u32| n.wrapping_mul(2_654_435_761) >> 16;
    assert!(bytes_each(|_| 0.0) < 0.2);
    assert!(bytes_each(|n| f64::from(chance(n) % 100)) < 1.1, "whole numbers below 100");
    assert!(bytes_each(|n| f64::from(chance(n) % 10_000) / 100.0) <= 2.0, "percent of two decimals");
    assert!(bytes_each(|n| f64::from(n) * 512.0 + f64::from(chance(n) % 512)) <= 2.0, "a counter");
}

#[test]
fn a_block_of_wide_distributions_grows_coarser_and_keeps_its_bound() {
    let wide = |n: u32| (0..512).map(|k| (f64::from(k) * 1.337_791 + f64::from(n).sqrt(), 1.0)).collect();
    let mut samples: Vec<_> =
        (0..1_440).map(|n| (WINDOW + i64::from(n) * 60_000, Sample::of_values(wide(n)).unwrap())).collect();
    let bytes = encode(Tier::Minute, WINDOW, 1, &mut samples);
    assert!(bytes.len() <= BLOCK_BYTES_MAX, "{}", bytes.len());
    assert_eq!(decode(Tier::Minute, WINDOW, &bytes).unwrap().samples, samples);
}
