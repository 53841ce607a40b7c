//! What a label that names no country may have meant.

use strsim::osa_distance;

use super::codes::Position;
use super::fold::fold;
use super::names::{LONGEST_LABEL, Names};

/// A country whose name resembles a label.
///
/// ```
/// use domicile_pipeline::country::{Suggestion, suggestions};
///
/// assert_eq!(suggestions("Switserland", 1), [Suggestion { name: "Switzerland", code: "CH" }]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Suggestion {
    /// The English short name, as ISO 3166-1 has it.
    pub name: &'static str,
    /// The ISO 3166-1 alpha-2 code.
    pub code: &'static str,
}

/// Fewer letters resemble too many names to tell anything.
const SHORTEST_LABEL: usize = 4;

/// The least likeness of a near miss: one wrong letter in four, two in eight.
const LEAST_LIKENESS: f64 = 0.75;

/// How alike a label is to a name that contains it as whole words, or is contained in it so.
const LIKENESS_OF_A_PART: f64 = 0.8;

/// A word that occurs in the names of more countries, such as "islands", points at none of them.
const MOST_COUNTRIES_OF_A_WORD: usize = 4;

/// A country and how alike one of its names is to the label, from 0 to 1.
type Likeness = (Position, f64);

pub(super) fn suggestions(names: &Names, label: &str, limit: usize) -> Vec<Suggestion> {
    let label = label.trim();
    if label.len() > LONGEST_LABEL {
        return Vec::new();
    }
    let folded = fold(label);
    if folded.chars().filter(|character| character.is_alphabetic()).count() < SHORTEST_LABEL {
        return Vec::new();
    }
    let mut near = misspelt(names, &folded);
    let parts = best_of_each(parts(names, &folded));
    if parts.len() <= MOST_COUNTRIES_OF_A_WORD {
        near.extend(parts);
    }
    let mut near = best_of_each(near);
    near.sort_by(|(one, one_likeness), (other, other_likeness)| {
        other_likeness.total_cmp(one_likeness).then_with(|| names.at(*one).name.cmp(names.at(*other).name))
    });
    let suggestion = |(country, _): Likeness| {
        let entry = names.at(country);
        Suggestion { name: entry.name, code: entry.code }
    };
    near.into_iter().take(limit).map(suggestion).collect()
}

/// The names that differ from the label by few letters.
fn misspelt(names: &Names, label: &str) -> Vec<Likeness> {
    let length = label.chars().count();
    let near = names.familiar.iter().filter_map(|familiar| {
        let other = familiar.name.chars().count();
        // The lengths alone rule most names out, far faster than comparing letters.
        let (shorter, longer) = (length.min(other), length.max(other));
        if (shorter as f64) < LEAST_LIKENESS * longer as f64 {
            return None;
        }
        let likeness = likeness(label, &familiar.name, longer);
        (likeness >= LEAST_LIKENESS).then_some((familiar.country, likeness))
    });
    near.collect()
}

fn likeness(label: &str, name: &str, longer: usize) -> f64 {
    1.0 - osa_distance(label, name) as f64 / longer as f64
}

/// The names that contain the label as whole words, and the reverse: `"Korea"`, `"Madrid, Spain"`.
fn parts(names: &Names, label: &str) -> Vec<Likeness> {
    let label = format!(" {label} ");
    let near = names.familiar.iter().filter_map(|familiar| {
        if familiar.name.chars().count() < SHORTEST_LABEL {
            return None;
        }
        let name = format!(" {} ", familiar.name);
        let (shorter, longer) = if name.len() < label.len() { (&name, &label) } else { (&label, &name) };
        let room = (1.0 - LIKENESS_OF_A_PART) * shorter.len() as f64 / longer.len() as f64;
        longer.contains(shorter.as_str()).then_some((familiar.country, LIKENESS_OF_A_PART + room))
    });
    near.collect()
}

/// Each country once, by the name that is most alike.
fn best_of_each(mut near: Vec<Likeness>) -> Vec<Likeness> {
    near.sort_by(|(one, one_likeness), (other, other_likeness)| {
        one.cmp(other).then_with(|| other_likeness.total_cmp(one_likeness))
    });
    near.dedup_by_key(|(country, _)| *country);
    near
}

#[cfg(test)]
mod tests {
    use super::super::suggestions;

    fn codes(label: &str, limit: usize) -> Vec<&'static str> {
        suggestions(label, limit).iter().map(|suggestion| suggestion.code).collect()
    }

    #[test]
    fn the_likeliest_country_comes_first() {
        let cases = [
            ("Germanny", "DE"),
            ("Grmany", "DE"),
            ("Untied Kingdom", "GB"),
            ("Untied States", "US"),
            ("Phillipines", "PH"),
            ("Deutchland", "DE"),
            ("Росия", "RU"),
            ("Espagna", "ES"),
            ("Madrid, Spain", "ES"),
            ("Slovakija", "SK"),
        ];
        for (label, code) in cases {
            assert_eq!(codes(label, 1), [code], "{label}");
        }
    }

    #[test]
    fn an_ambiguous_name_suggests_all_that_it_may_mean() {
        for (label, expected) in [("Congo", ["CD", "CG"]), ("Korea", ["KP", "KR"]), ("Virgin Islands", ["VG", "VI"])] {
            let mut found = codes(label, 5);
            found.sort_unstable();
            assert_eq!(found, expected, "{label}");
        }
    }

    #[test]
    fn countries_are_distinct_and_no_more_than_asked_for() {
        let found = codes("Autralia", 10);
        assert_eq!(found[0], "AU");
        assert!((1..found.len()).all(|place| !found[..place].contains(&found[place])));
        assert_eq!(codes("Korea", 1).len(), 1);
        assert_eq!(codes("Korea", 0), [""; 0]);
    }

    #[test]
    fn what_resembles_no_name_has_no_suggestion() {
        for label in ["Atlantis", "Middle Earth", "Republic", "UKX", "1234", "aaaa bbbb cccc"] {
            assert_eq!(codes(label, 3), [""; 0], "{label}");
        }
    }
}
