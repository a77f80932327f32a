//! A column of numbers, packed by what they are: equal, decimals of few digits, or anything.
//!
//! Most metrics are whole numbers or have few decimals. Those are packed as integers, by their distance from the least
//! or from the one before; the rest by the bits in which each differs from the one before (Pelkonen and others,
//! "Gorilla: a fast, scalable, in-memory time series database", VLDB 2015, section 4.1).

use super::bits::{BitReader, BitWriter, put_varint, take_bytes, take_varint, unzigzag, zigzag};

const EQUAL: u8 = 0;
const FROM_LEAST: u8 = 1;
const FROM_LAST: u8 = 2;
const BY_BITS: u8 = 3;

/// Powers of ten by which a number may have to be multiplied to be whole.
const SCALES: [f64; 7] = [1.0, 10.0, 100.0, 1_000.0, 10_000.0, 100_000.0, 1_000_000.0];
/// Whole numbers up to here are exact.
const WHOLE_MAX: f64 = 4_503_599_627_370_496.0;

/// Appends the column.
pub fn encode(values: &[f64], out: &mut Vec<u8>) {
    let Some(first) = values.first() else { return };
    if values.iter().all(|value| value.to_bits() == first.to_bits()) {
        out.push(EQUAL);
        out.extend_from_slice(&first.to_bits().to_be_bytes());
        return;
    }
    let (kind, body) = decimals(values).unwrap_or_else(|| (BY_BITS, by_bits(values)));
    out.push(kind);
    put_varint(out, u64::try_from(body.len()).unwrap_or_default());
    out.extend_from_slice(&body);
}

/// Takes a column of `count` numbers; `None` when it is damaged.
pub fn decode(from: &mut &[u8], count: usize) -> Option<Vec<f64>> {
    if count == 0 {
        return Some(Vec::new());
    }
    let (kind, rest) = from.split_first()?;
    *from = rest;
    if *kind == EQUAL {
        let bits = take_bytes(from, 8)?.try_into().ok().map(u64::from_be_bytes)?;
        return Some(vec![f64::from_bits(bits); count]);
    }
    let length = usize::try_from(take_varint(from)?).ok()?;
    let body = take_bytes(from, length)?;
    match *kind {
        FROM_LEAST | FROM_LAST => read_decimals(*kind, body, count),
        BY_BITS => read_by_bits(body, count),
        _ => None,
    }
}

/// The scale at which all numbers are whole, and they.
fn whole(values: &[f64]) -> Option<(u8, Vec<i64>)> {
    let mut at = 0;
    for value in values {
        while exact(*value, *SCALES.get(at)?).is_none() {
            at += 1;
        }
    }
    let scale = *SCALES.get(at)?;
    // What is whole at a smaller scale need not be exact at this one.
    let numbers = values.iter().map(|value| exact(*value, scale)).collect::<Option<Vec<_>>>()?;
    Some((u8::try_from(at).ok()?, numbers))
}

#[expect(clippy::cast_possible_truncation, reason = "within the bound of exact integers")]
fn exact(value: f64, scale: f64) -> Option<i64> {
    let scaled = (value * scale).round();
    let whole = scaled as i64;
    // Through the integer and back: minus zero, which no integer is, does not come back as it was.
    (scaled.abs() <= WHOLE_MAX && inexact(whole, scale).to_bits() == value.to_bits()).then_some(whole)
}

#[expect(clippy::cast_precision_loss, reason = "within the bound of exact integers")]
fn inexact(whole: i64, scale: f64) -> f64 {
    whole as f64 / scale
}

fn width(of: impl Iterator<Item = u64>) -> u32 {
    64 - of.max().unwrap_or_default().leading_zeros()
}

fn decimals(values: &[f64]) -> Option<(u8, Vec<u8>)> {
    let (scale, numbers) = whole(values)?;
    let (first, least) = (*numbers.first()?, *numbers.iter().min()?);
    let above = || numbers.iter().map(|number| (number - least).cast_unsigned());
    let steps = || numbers.iter().zip(numbers.iter().skip(1)).map(|(a, b)| zigzag(b - a));
    let (by_least, by_last) = (width(above()), width(steps()));
    let mut body = vec![scale];
    let mut bits = BitWriter::default();
    let (kind, base, wide) = match by_least <= by_last {
        true => (FROM_LEAST, least, by_least),
        false => (FROM_LAST, first, by_last),
    };
    put_varint(&mut body, zigzag(base));
    body.push(u8::try_from(wide).ok()?);
    match kind {
        FROM_LEAST => above().for_each(|number| bits.push(number, wide)),
        _ => steps().for_each(|number| bits.push(number, wide)),
    }
    body.extend(bits.finish());
    Some((kind, body))
}

fn read_decimals(kind: u8, mut body: &[u8], count: usize) -> Option<Vec<f64>> {
    let scale = *SCALES.get(usize::from(*take_bytes(&mut body, 1)?.first()?))?;
    let base = unzigzag(take_varint(&mut body)?);
    let wide = u32::from(*take_bytes(&mut body, 1)?.first()?).min(64);
    let mut bits = BitReader::new(body);
    let mut values = Vec::with_capacity(count);
    let mut last = base;
    if kind == FROM_LAST {
        values.push(inexact(base, scale));
    }
    while values.len() < count {
        let number = if wide == 0 { 0 } else { bits.take(wide)? };
        match kind {
            FROM_LEAST => values.push(inexact(base.wrapping_add(number.cast_signed()), scale)),
            _ => {
                last = last.wrapping_add(unzigzag(number));
                values.push(inexact(last, scale));
            }
        }
    }
    Some(values)
}

/// The first as it is; of each other `0`, or `1`, the count of leading zeros (6 bits), of bits that count less one (6),
/// and these.
fn by_bits(values: &[f64]) -> Vec<u8> {
    let mut bits = BitWriter::default();
    let mut last = 0;
    for (at, value) in values.iter().enumerate() {
        let now = value.to_bits();
        let differs = now ^ last;
        last = now;
        if at == 0 {
            bits.push(now, 64);
        } else if differs == 0 {
            bits.push(0, 1);
        } else {
            let (zeros, tail) = (differs.leading_zeros(), differs.trailing_zeros());
            let meaning = 64 - zeros - tail;
            bits.push(1, 1);
            bits.push(u64::from(zeros), 6);
            bits.push(u64::from(meaning - 1), 6);
            bits.push(differs >> tail, meaning);
        }
    }
    bits.finish()
}

fn read_by_bits(body: &[u8], count: usize) -> Option<Vec<f64>> {
    let mut bits = BitReader::new(body);
    let mut last = bits.take(64)?;
    let mut values = Vec::with_capacity(count);
    values.push(f64::from_bits(last));
    while values.len() < count {
        if bits.take(1)? == 1 {
            let zeros = u32::try_from(bits.take(6)?).ok()?;
            let meaning = u32::try_from(bits.take(6)?).ok()? + 1;
            let tail = 64u32.checked_sub(zeros + meaning)?;
            last ^= bits.take(meaning)? << tail;
        }
        values.push(f64::from_bits(last));
    }
    Some(values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn round_trip(values: &[f64]) -> usize {
        let mut bytes = Vec::new();
        encode(values, &mut bytes);
        let mut rest = bytes.as_slice();
        let read = decode(&mut rest, values.len()).unwrap();
        assert!(rest.is_empty());
        let bits = |values: &[f64]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&read), bits(values));
        bytes.len()
    }

    proptest! {
        #[test]
        fn any_numbers_read_back(values in prop::collection::vec(prop::num::f64::ANY, 0..100)) {
            round_trip(&values);
        }

        #[test]
        fn decimals_read_back(
            values in prop::collection::vec(-1_000_000i64..1_000_000, 0..100),
            scale in 0usize..7,
        ) {
            let values: Vec<f64> = values.iter().map(|n| inexact(*n, SCALES[scale])).collect();
            round_trip(&values);
        }

        #[test]
        fn damage_is_told_and_nothing_breaks(
            bytes in prop::collection::vec(any::<u8>(), 0..200),
            count in 0usize..300,
        ) {
            let _ = decode(&mut bytes.as_slice(), count);
        }
    }

    #[test]
    fn minus_zero_keeps_its_sign() {
        round_trip(&[-0.0, 0.0]);
        round_trip(&[1.5, -0.0, 2.5]);
    }

    #[test]
    fn what_is_regular_is_small() {
        let counter: Vec<f64> = (0..1_440).map(|n| f64::from(n) * 17.0).collect();
        assert!(round_trip(&counter) < 1_440);
        let percent: Vec<f64> = (0..1_440u32).map(|n| f64::from(n * 7_919 % 10_001) / 100.0).collect();
        assert!(round_trip(&percent) <= 1_440 * 7 / 4 + 16, "fourteen bits each");
        assert!(round_trip(&[0.0; 1_440]) < 10);
    }
}
