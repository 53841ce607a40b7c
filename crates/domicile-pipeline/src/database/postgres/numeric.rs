//! The `numeric` of PostgreSQL in its binary format.
//!
//! It is a run of digits to the base of 10,000, of which the first counts 10,000 to the power of `weight`.
//! Source: `numeric_send` in <https://github.com/postgres/postgres/blob/master/src/backend/utils/adt/numeric.c>

use super::read::broken;
use crate::text::has_digits;

/// What stands for a sign in a `numeric`.
const POSITIVE: u16 = 0x0000;
const NEGATIVE: u16 = 0x4000;
const NAN: u16 = 0xc000;
const INFINITY: u16 = 0xd000;
const MINUS_INFINITY: u16 = 0xf000;

/// A `numeric` as a decimal of this scale.
#[inline]
pub(super) fn decimal(bytes: &[u8], precision: u8, scale: i8) -> Result<i128, String> {
    let (head, digits) = bytes.split_at_checked(8).ok_or_else(broken)?;
    let word = |at: usize| u16::from_be_bytes([head[at], head[at + 1]]);
    let (count, weight, sign) = (usize::from(word(0)), i32::from(word(2).cast_signed()), word(4));
    match sign {
        POSITIVE | NEGATIVE => {}
        NAN => return Err(String::from("NaN is not a decimal")),
        _ => return Err(String::from("infinity is not a decimal")),
    }
    if digits.len() != 2 * count {
        return Err(broken());
    }
    let unfit = || format!("a number is not a decimal({precision},{scale})");
    // The power of ten by which what is read is to be multiplied, or how many digits at its end are to be zeroes: of a
    // number with 38 digits there is no room for those.
    let last = i32::try_from(count).map_err(|_| broken())? - 1;
    let power = if count == 0 { 0 } else { 4 * (weight - last) + i32::from(scale) };
    let zeroes = if power < 0 { power.unsigned_abs() as usize } else { 0 };
    let whole = count.saturating_sub(zeroes.div_ceil(4));
    let (whole, rest) = digits.split_at(2 * whole);
    let mut unscaled = 0i128;
    for group in whole.chunks_exact(2) {
        let group = u16::from_be_bytes([group[0], group[1]]);
        unscaled = unscaled.checked_mul(10_000).and_then(|all| all.checked_add(group.into())).ok_or_else(unfit)?;
    }
    if let Some((group, others)) = rest.split_first_chunk() {
        let kept = (2 * rest.len()).saturating_sub(zeroes);
        let factor = [1, 10, 100, 1000][kept];
        let group = i128::from(u16::from_be_bytes(*group));
        if group * factor % 10_000 != 0 || others.iter().any(|byte| *byte != 0) {
            return Err(unfit());
        }
        let last = group * factor / 10_000;
        unscaled = unscaled.checked_mul(factor).and_then(|all| all.checked_add(last)).ok_or_else(unfit)?;
    }
    if power > 0 {
        let factor = 10i128.checked_pow(power.unsigned_abs());
        let multiplied = factor.map_or((unscaled == 0).then_some(0), |factor| unscaled.checked_mul(factor));
        unscaled = multiplied.ok_or_else(unfit)?;
    }
    let unscaled = Some(unscaled).filter(|unscaled| has_digits(*unscaled, precision)).ok_or_else(unfit)?;
    Ok(if sign == NEGATIVE { -unscaled } else { unscaled })
}

/// A `numeric` in digits, such as `-12.50`, unless there are more of them than a person reads.
pub(super) fn numeric_text(bytes: &[u8]) -> Option<String> {
    const MOST_GROUPS: i32 = 250;
    const MOST_SCALE: usize = 1000;
    let (head, digits) = bytes.split_at_checked(8)?;
    let word = |at: usize| u16::from_be_bytes([head[at], head[at + 1]]);
    let (weight, sign, scale) = (i32::from(word(2).cast_signed()), word(4), usize::from(word(6)));
    if weight > MOST_GROUPS || scale > MOST_SCALE {
        return None;
    }
    let sign = match sign {
        POSITIVE => "",
        NEGATIVE => "-",
        NAN => return Some(String::from("NaN")),
        INFINITY => return Some(String::from("Infinity")),
        MINUS_INFINITY => return Some(String::from("-Infinity")),
        _ => return None,
    };
    let group = |place: i32| {
        let at = 2 * usize::try_from(weight - place).ok()?;
        let digit = digits.get(at..at + 2)?;
        Some(u16::from_be_bytes([digit[0], digit[1]]))
    };
    let padded = |place| format!("{:04}", group(place).unwrap_or(0));
    let whole: String = (0..=weight).rev().map(padded).collect();
    let groups = i32::try_from(scale.div_ceil(4)).ok()?;
    let fraction: String = (1..=groups).map(|place| padded(-place)).collect();
    let whole = whole.trim_start_matches('0');
    let (whole, point) = (if whole.is_empty() { "0" } else { whole }, if scale > 0 { "." } else { "" });
    Some(format!("{sign}{whole}{point}{}", fraction.get(..scale)?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::text::decimal_text;

    /// A `numeric` as the server sends it.
    fn numeric(sign: u16, weight: i16, digits: &[u16]) -> Vec<u8> {
        let count = u16::try_from(digits.len()).unwrap();
        let head = [count, weight.cast_unsigned(), sign, 2];
        head.iter().chain(digits).flat_map(|word| word.to_be_bytes()).collect()
    }

    #[test]
    fn a_numeric_is_read_to_the_last_digit_or_refused() {
        for (sign, weight, digits, expected) in [
            (POSITIVE, 0, &[123, 4500][..], Some(12_345)),
            (NEGATIVE, 0, &[123, 4500], Some(-12_345)),
            (POSITIVE, 1, &[1, 0], Some(1_000_000)),
            (POSITIVE, 1, &[1], Some(1_000_000)),
            (POSITIVE, -1, &[100], Some(1)),
            (POSITIVE, -1, &[10], None),
            (POSITIVE, 0, &[], Some(0)),
            (POSITIVE, 2, &[99, 9999, 9999, 9900], Some(999_999_999_999)),
            (POSITIVE, 2, &[100], None),
            (POSITIVE, 100, &[1], None),
            (POSITIVE, -100, &[1], None),
            (NAN, 0, &[], None),
            (0xd000, 0, &[], None),
        ] {
            assert_eq!(decimal(&numeric(sign, weight, digits), 12, 2).ok(), expected, "{sign:x} {weight} {digits:?}");
        }
        assert!(decimal(&[0; 7], 12, 2).is_err());
        assert!(decimal(&numeric(POSITIVE, 0, &[1])[..9], 12, 2).is_err());
    }

    #[test]
    fn a_numeric_is_told_as_the_server_writes_it() {
        for (sign, weight, digits, expected) in [
            (NEGATIVE, 0, &[123, 4500][..], "-123.45"),
            (POSITIVE, 1, &[1], "10000.00"),
            (POSITIVE, -1, &[100], "0.01"),
            (POSITIVE, -2, &[1], "0.00"),
            (POSITIVE, 0, &[], "0.00"),
            (NAN, 0, &[], "NaN"),
            (INFINITY, 0, &[], "Infinity"),
            (MINUS_INFINITY, 0, &[], "-Infinity"),
        ] {
            assert_eq!(numeric_text(&numeric(sign, weight, digits)).as_deref(), Some(expected));
        }
    }

    proptest! {
        #[test]
        fn a_numeric_of_any_digits_is_read_to_the_last_one(unscaled in -10i128.pow(38) + 1..10i128.pow(38), scale in 0i8..=38) {
            let bytes = encoded(unscaled, scale);
            prop_assert_eq!(decimal(&bytes, 38, scale), Ok(unscaled));
            prop_assert_eq!(numeric_text(&bytes), Some(decimal_text(unscaled, scale)));
        }
    }

    /// A decimal as the server sends it.
    fn encoded(unscaled: i128, scale: i8) -> Vec<u8> {
        let scale = usize::from(scale.unsigned_abs());
        let digits = format!("{:0>width$}", unscaled.unsigned_abs(), width = scale + 1);
        let (whole, fraction) = digits.split_at(digits.len() - scale);
        let whole = format!("{}{whole}", "0".repeat((4 - whole.len() % 4) % 4));
        let fraction = format!("{fraction}{}", "0".repeat((4 - fraction.len() % 4) % 4));
        let groups: Vec<u16> = [whole.as_bytes(), fraction.as_bytes()]
            .concat()
            .chunks(4)
            .map(|group| std::str::from_utf8(group).unwrap().parse().unwrap())
            .collect();
        let weight = i16::try_from(whole.len() / 4).unwrap() - 1;
        let sign = if unscaled < 0 { NEGATIVE } else { POSITIVE };
        let mut bytes = numeric(sign, weight, &groups);
        bytes[6..8].copy_from_slice(&u16::try_from(scale).unwrap().to_be_bytes());
        bytes
    }
}
