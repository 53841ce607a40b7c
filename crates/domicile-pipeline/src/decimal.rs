//! Exact decimals as text: an integer of so many digits, and how many of them stand behind the point.

/// A decimal in digits, for example `-12.50`.
pub(crate) fn decimal_text(unscaled: i128, scale: i8) -> String {
    let sign = if unscaled < 0 { "-" } else { "" };
    let digits = unscaled.unsigned_abs().to_string();
    let scale = usize::from(scale.unsigned_abs());
    if scale == 0 {
        return format!("{sign}{digits}");
    }
    let digits = format!("{digits:0>width$}", width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    format!("{sign}{whole}.{fraction}")
}

/// A decimal from plain digits with an optional sign and point. More digits behind the point than `scale` must be 0.
pub(crate) fn decimal_from_text(text: &str, scale: i8) -> Option<i128> {
    let (negative, digits) = match text.as_bytes() {
        [b'-', ..] => (true, &text[1..]),
        [b'+', ..] => (false, &text[1..]),
        _ => (false, text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let scale = usize::from(scale.unsigned_abs());
    let (fraction, rest) = fraction.split_at_checked(scale).unwrap_or((fraction, ""));
    let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let nothing = whole.is_empty() && fraction.is_empty();
    if nothing || !all_digits(whole) || !all_digits(fraction) || rest.bytes().any(|byte| byte != b'0') {
        return None;
    }
    let padded = format!("{whole}{fraction:0<scale$}");
    let unscaled = padded.parse::<i128>().ok()?;
    Some(if negative { -unscaled } else { unscaled })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_written_with_their_scale() {
        assert_eq!(decimal_text(-5, 2), "-0.05");
        assert_eq!(decimal_text(1250, 2), "12.50");
        assert_eq!(decimal_text(7, 0), "7");
    }

    #[test]
    fn decimal_text_is_strict() {
        assert_eq!(decimal_from_text("-12.5", 2), Some(-1250));
        assert_eq!(decimal_from_text("12.500", 2), Some(1250));
        assert_eq!(decimal_from_text("12.505", 2), None);
        assert_eq!(decimal_from_text("1e3", 2), None);
        assert_eq!(decimal_from_text("", 2), None);
        assert_eq!(decimal_from_text(".", 2), None);
        assert_eq!(decimal_from_text("+.5", 2), Some(50));
    }
}
