//! Countries by whatever name real data has for them.
//!
//! A label is a country's code, number, flag or name, in any language and in the state in which people type it. It
//! names one country or none: a label that could mean two countries is refused, and nothing is ever guessed from a
//! resemblance. What a refused label may have meant is said by [`suggestions`], for people to read.

mod aliases;
mod codes;
mod fold;
mod names;
mod suggest;
#[cfg(test)]
mod tests;
mod translations;
mod withdrawn;

use std::sync::LazyLock;

use codes::Position;
use fold::{fold, is_edge};
use names::{LONGEST_LABEL, Names};

pub use suggest::Suggestion;

/// The one static of the pipeline. It is harmless: it is made of constants only, is the same for everyone and never
/// changes once it is there, so that no caller can tell it from a constant.
static NAMES: LazyLock<Names> = LazyLock::new(Names::build);

/// The ISO 3166-1 alpha-2 code of the country that `label` names.
///
/// Codes, numbers and names are found in any case and script, with or without accents, and whatever white space and
/// punctuation surrounds them. `None` means that the label names no country, or could name more than one.
///
/// ```
/// use domicile_pipeline::country::country_code;
///
/// assert_eq!(country_code("  españa"), Some("ES"));
/// assert_eq!(country_code("724"), Some("ES"));
/// assert_eq!(country_code("Korea, Republic of"), Some("KR"));
/// assert_eq!(country_code("Korea"), None);
/// ```
#[must_use]
pub fn country_code(label: &str) -> Option<&'static str> {
    let names = &*NAMES;
    find(names, label).map(|position| names.at(position).code)
}

/// The English short name, as ISO 3166-1 has it, of the country with an alpha-2 code in upper case.
///
/// ```
/// use domicile_pipeline::country::country_name;
///
/// assert_eq!(country_name("ES"), Some("Spain"));
/// assert_eq!(country_name("Spain"), None);
/// ```
#[must_use]
pub fn country_name(alpha2: &str) -> Option<&'static str> {
    NAMES.of_code(alpha2).map(|entry| entry.name)
}

/// The countries that a label which names none may have meant, the likeliest first and at most `limit`.
///
/// They are for a person who mends the data, and are never applied: `"Autralia"` may be a typing error for two
/// countries. A label that resembles no name has none.
///
/// ```
/// use domicile_pipeline::country::suggestions;
///
/// let near = suggestions("Germanny", 3);
/// assert_eq!((near[0].name, near[0].code), ("Germany", "DE"));
/// assert!(suggestions("N/A", 3).is_empty());
/// ```
#[must_use]
pub fn suggestions(label: &str, limit: usize) -> Vec<Suggestion> {
    suggest::suggestions(&NAMES, label, limit)
}

fn find(names: &Names, label: &str) -> Option<Position> {
    if let Some(position) = names.codes.find(label) {
        return Some(position);
    }
    // Columns of fixed width pad a short name with much white space.
    let label = label.trim();
    if label.len() > LONGEST_LABEL {
        return None;
    }
    if let Some((flag, rest)) = take_flag(label) {
        let country = names.codes.flag(flag)?;
        // A name beside the flag has to agree with it.
        let agrees = rest.chars().all(is_edge) || find(names, &rest) == Some(country);
        return agrees.then_some(country);
    }
    let code = narrow(label).and_then(|narrow| names.codes.find(&narrow));
    code.or_else(|| names.find(&fold(label)))
}

/// An emoji flag's two letters, `A` being 0, and the label without it.
fn take_flag(label: &str) -> Option<([usize; 2], String)> {
    const FLAG_LETTERS: std::ops::RangeInclusive<char> = '🇦'..='🇿';
    if label.is_ascii() {
        return None;
    }
    let (flag, rest): (Vec<char>, Vec<char>) = label.chars().partition(|letter| FLAG_LETTERS.contains(letter));
    let [first, second] = *flag.as_slice() else { return None };
    let place = |letter: char| letter as usize - *FLAG_LETTERS.start() as usize;
    Some(([place(first), place(second)], rest.into_iter().collect()))
}

/// A label in full-width letters or digits, as East Asian keyboards type a code, in the usual ones.
fn narrow(label: &str) -> Option<String> {
    const WIDER_BY: u32 = '！' as u32 - '!' as u32;
    if label.is_ascii() || !label.contains(|wide| matches!(wide, '！'..='～')) {
        return None;
    }
    let narrow = |wide| match wide {
        '！'..='～' => char::from_u32(wide as u32 - WIDER_BY).unwrap_or(wide),
        _ => wide,
    };
    Some(label.chars().map(narrow).collect())
}
