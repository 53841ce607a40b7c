//! Money and days, read strictly from text: integer cents, and days that are in the calendar.

/// Cents from digits with an optional sign and point; `None` where a third decimal or anything else stands.
pub(crate) fn cents(text: &str) -> Option<i64> {
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |digits| (-1, digits));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number(whole) || !is_number(fraction) {
        return None;
    }
    let fraction = fraction.trim_end_matches('0');
    if fraction.len() > 2 || whole.len() > 12 {
        return None;
    }
    let cents: i64 = format!("{fraction:0<2}").parse().ok()?;
    Some(sign * (whole.parse::<i64>().ok()? * 100 + cents))
}

/// Whether an amount fits DECIMAL(12,2).
pub(crate) fn is_amount(text: &str) -> bool {
    cents(text).is_some_and(|cents| cents.abs() < 1_000_000_000_000)
}

/// Whether a text is a day of the calendar, written YYYY-MM-DD.
pub(crate) fn is_day(text: &str) -> bool {
    let parts: Vec<_> = text.split('-').collect();
    let [year, month, day] = parts[..] else { return false };
    let number = |part: &str, digits: usize| {
        let plain = part.len() == digits && part.bytes().all(|byte| byte.is_ascii_digit());
        part.parse::<u32>().ok().filter(|_| plain)
    };
    let (Some(year), Some(month), Some(day)) = (number(year, 4), number(month, 2), number(day, 2)) else {
        return false;
    };
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let last = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if is_leap => 29,
        2 => 28,
        _ => return false,
    };
    (1..=last).contains(&day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cents_are_exact_or_none() {
        let given = ["12", "12.0", "12.5", "12.05", "-0.07", "12.345", "1e3", "", ".", "x", "12.500"].map(cents);
        let cents =
            [Some(1200), Some(1200), Some(1250), Some(1205), Some(-7), None, None, None, None, None, Some(1250)];
        assert_eq!(given, cents);
        assert!(is_amount("9999999999.99") && !is_amount("10000000000.00"));
    }

    #[test]
    fn days_are_in_the_calendar() {
        assert!(["2024-02-29", "2000-02-29", "2023-12-31"].into_iter().all(is_day));
        assert!(
            ["2023-02-29", "1900-02-29", "2023-13-01", "2023-04-31", "2023-1-1", "yesterday"]
                .into_iter()
                .all(|day| !is_day(day))
        );
    }
}
