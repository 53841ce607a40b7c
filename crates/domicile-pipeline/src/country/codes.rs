//! ISO 3166-1 codes by their letters and numbers.

use super::fold::{is_edge, is_padding};

/// Where a country stands in the list of countries. There are 249, so that a byte holds it.
pub(super) type Position = u8;

/// No country stands here.
const NOBODY: Position = Position::MAX;

/// A table for each kind of code, indexed by the code itself.
pub(super) struct Codes {
    two_letters: Vec<Position>,
    three_letters: Vec<Position>,
    numbers: Vec<Position>,
}

impl Codes {
    pub(super) fn new() -> Self {
        let unknown = |places| vec![NOBODY; places];
        Self { two_letters: unknown(26 * 26), three_letters: unknown(26 * 26 * 26), numbers: unknown(1000) }
    }

    /// Adds a country's alpha-2, alpha-3 and numeric code.
    pub(super) fn insert(&mut self, codes: [&str; 3], position: Position) {
        for code in codes {
            if let Some(place) = self.place_mut(code) {
                *place = position;
            }
        }
    }

    /// The country whose code `label` is, whatever stands around the code.
    pub(super) fn find(&self, label: &str) -> Option<Position> {
        // The bare code is by far the most common label.
        if let Some(position) = self.letters(label.as_bytes()) {
            return Some(position);
        }
        let number = label.trim_matches(is_padding);
        if number.bytes().all(|byte| byte.is_ascii_digit()) {
            return known(*self.numbers.get(numeric(number)?)?);
        }
        self.letters(label.trim_matches(is_edge).as_bytes())
    }

    /// The country of an emoji flag's two letters, `A` being 0.
    pub(super) fn flag(&self, letters: [usize; 2]) -> Option<Position> {
        known(self.two_letters[letters[0] * 26 + letters[1]])
    }

    fn letters(&self, code: &[u8]) -> Option<Position> {
        let table = match code.len() {
            2 => &self.two_letters,
            3 => &self.three_letters,
            _ => return None,
        };
        known(table[alphabetic(code)?])
    }

    fn place_mut(&mut self, code: &str) -> Option<&mut Position> {
        match code.len() {
            2 => self.two_letters.get_mut(alphabetic(code.as_bytes())?),
            _ if code.starts_with(|first: char| first.is_ascii_digit()) => self.numbers.get_mut(numeric(code)?),
            _ => self.three_letters.get_mut(alphabetic(code.as_bytes())?),
        }
    }
}

fn known(position: Position) -> Option<Position> {
    (position != NOBODY).then_some(position)
}

/// Letters as a number to the base of 26, in either case.
fn alphabetic(code: &[u8]) -> Option<usize> {
    code.iter().try_fold(0, |place, byte| {
        let letter = byte.to_ascii_lowercase();
        letter.is_ascii_lowercase().then(|| place * 26 + usize::from(letter - b'a'))
    })
}

/// A number of one to three digits, which may have lost its leading zeros.
fn numeric(digits: &str) -> Option<usize> {
    if digits.len() <= 3 { digits.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::Codes;

    fn spain() -> Codes {
        let mut codes = Codes::new();
        codes.insert(["ES", "ESP", "724"], 7);
        codes.insert(["AF", "AFG", "004"], 1);
        codes
    }

    #[test]
    fn codes_are_found_in_either_case_and_between_punctuation() {
        for label in ["ES", "es", "Es", "ESP", "esp", "724", " ES ", "\u{a0}ES\t", "\"ES\"", "(ES)", "[esp].", "'724'"]
        {
            assert_eq!(spain().find(label), Some(7), "{label:?}");
        }
        for label in ["4", "04", "004", " 4 "] {
            assert_eq!(spain().find(label), Some(1), "{label:?}");
        }
    }

    #[test]
    fn what_only_resembles_a_code_is_none() {
        for label in [
            "",
            "E",
            "E S",
            "E/S",
            "E.S",
            "ÉS",
            "E\u{301}S",
            "ES\u{301}",
            "ESPP",
            "0724",
            "-724",
            "+4",
            "#4",
            "4.0",
            "0",
            "999",
        ] {
            assert_eq!(spain().find(label), None, "{label:?}");
        }
    }

    #[test]
    fn a_flag_is_its_two_letters() {
        assert_eq!(spain().flag([4, 18]), Some(7));
        assert_eq!(spain().flag([0, 0]), None);
    }
}
