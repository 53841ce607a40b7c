//! Every name of every country, each with the one country that it names.

use std::collections::{HashMap, HashSet};

use keshvar::{Alpha2, Country, SUPPORTED_ALPHA2_LIST};

use super::aliases::ALIASES;
use super::codes::{Codes, Position};
use super::fold::fold;
use super::translations::TRANSLATIONS;
use super::withdrawn::WITHDRAWN;

/// A table of countries and their names, which are parted by `|`.
pub(super) type Table = [(&'static str, &'static str)];

/// A longer label names no country and is not worth folding.
pub(super) const LONGEST_LABEL: usize = 192;

/// Keshvar's Amharic went through a broken character conversion. [`TRANSLATIONS`] has Amharic that did not.
const GARBLED_LANGUAGE: &str = "am";

/// So few Latin letters are a code or nothing, unless [`ALIASES`] has them: folding makes `"my"`, Malaysia's code, of
/// Vietnamese `"Mỹ"`, which is America.
const SHORTEST_LATIN_NAME: usize = 4;

/// A country's alpha-2 code and its English short name.
pub(super) struct Entry {
    pub(super) code: &'static str,
    pub(super) name: &'static str,
}

/// A folded name that near misses are measured against.
pub(super) struct Familiar {
    pub(super) name: String,
    pub(super) country: Position,
}

/// All that labels are looked up in.
pub(super) struct Names {
    pub(super) codes: Codes,
    pub(super) familiar: Vec<Familiar>,
    countries: Vec<Entry>,
    by_name: Claims,
}

impl Names {
    /// Reads the tables. A name that two countries claim names neither.
    pub(super) fn build() -> Self {
        let mut claims = Claims(HashMap::with_capacity(20_000));
        let mut codes = Codes::new();
        let mut familiar = Vec::new();
        let mut countries: Vec<Country> = SUPPORTED_ALPHA2_LIST.iter().map(Alpha2::to_country).collect();
        // In the order of their codes, so that a country is found by its own.
        countries.sort_unstable_by_key(Country::un_locode);
        for (position, country) in (0..).zip(&countries) {
            codes.insert([code(country), &country.alpha3().to_string(), country.number()], position);
            let withdrawn: HashSet<String> = of_country(WITHDRAWN, country).map(fold).collect();
            for name in names_of(country) {
                let Some(folded) = name.folded().filter(|folded| !withdrawn.contains(folded)) else { continue };
                if name.is_familiar {
                    familiar.push(Familiar { name: folded.clone(), country: position });
                }
                claims.insert(folded, position);
                if name.text.contains(['\'', '’']) {
                    claims.insert(fold(&name.text.replace(['\'', '’'], "")), position);
                }
            }
            if let Some(inverted) = inverted(country.iso_long_name()) {
                claims.insert(inverted, position);
            }
        }
        let entry = |country: &Country| Entry { code: code(country), name: country.iso_short_name() };
        Self { codes, familiar, countries: countries.iter().map(entry).collect(), by_name: claims }
    }

    /// The country that a folded name belongs to.
    pub(super) fn find(&self, folded: &str) -> Option<Position> {
        self.by_name.owner(folded)
    }

    pub(super) fn at(&self, position: Position) -> &Entry {
        &self.countries[usize::from(position)]
    }

    /// The country with this alpha-2 code, in upper case.
    pub(super) fn of_code(&self, alpha2: &str) -> Option<&Entry> {
        let place = self.countries.binary_search_by_key(&alpha2, |entry| entry.code).ok()?;
        self.countries.get(place)
    }
}

/// Folded names and who claims them: `None` once two countries did.
struct Claims(HashMap<String, Option<Position>>);

impl Claims {
    fn insert(&mut self, folded: String, position: Position) {
        let owner = self.0.entry(folded).or_insert(Some(position));
        if *owner != Some(position) {
            *owner = None;
        }
    }

    fn owner(&self, folded: &str) -> Option<Position> {
        self.0.get(folded).copied().flatten()
    }
}

/// One name of a country, as a table writes it.
struct Name {
    text: &'static str,
    /// How short it may be, if it is Latin.
    shortest: usize,
    /// Whether people who work in English or in the country's own language would write it.
    is_familiar: bool,
}

impl Name {
    /// The folded name, unless too little is left of it.
    fn folded(&self) -> Option<String> {
        let folded = fold(self.text);
        (!folded.is_empty() && (!folded.is_ascii() || folded.len() >= self.shortest)).then_some(folded)
    }
}

/// Each name of a country once.
fn names_of(country: &Country) -> impl Iterator<Item = Name> {
    let aliases = of_country(ALIASES, country).map(|text| Name { text, shortest: 2, is_familiar: true });
    let english = [country.iso_short_name(), country.iso_long_name()];
    let english = english.into_iter().chain(country.unofficial_name_list().iter().copied());
    let english = english.map(|text| Name { text, shortest: SHORTEST_LATIN_NAME, is_familiar: true });
    let own_languages = country.maybe_official_language_list().unwrap_or_default();
    // Languages without a name of their own have the English one.
    let is_english = |text| text == country.iso_short_name() || country.unofficial_name_list().contains(&text);
    let translations = country.translations().iter();
    let intact = translations.filter(|(language, text)| **language != GARBLED_LANGUAGE && !is_english(text));
    let mut translations: Vec<(&'static str, bool)> =
        intact.map(|(language, text)| (*text, own_languages.contains(language))).collect();
    translations.extend(of_country(TRANSLATIONS, country).map(|text| (text, false)));
    // The own language comes first where several languages share a name.
    translations.sort_unstable_by_key(|(_, is_own)| !is_own);
    let translations = translations.into_iter();
    let translations =
        translations.map(|(text, is_familiar)| Name { text, shortest: SHORTEST_LATIN_NAME, is_familiar });
    let mut seen = HashSet::new();
    aliases.chain(english).chain(translations).filter(move |name| seen.insert(name.text))
}

/// Keshvar has each alpha-2 code as a `&'static str` only by the name of location code.
fn code(country: &Country) -> &'static str {
    country.un_locode()
}

fn of_country(table: &'static Table, country: &Country) -> impl Iterator<Item = &'static str> {
    let code = code(country);
    table.iter().filter(move |(row, _)| *row == code).flat_map(|(_, names)| names.split('|'))
}

/// `"The Republic of Korea"` as lists sort it, `"Korea, Republic of"`, folded.
fn inverted(long_name: &str) -> Option<String> {
    let (form, name) = long_name.split_once(" of ")?;
    Some(fold(&format!("{name} {form}")))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn every_country() -> Vec<Country> {
        SUPPORTED_ALPHA2_LIST.iter().map(Alpha2::to_country).collect()
    }

    #[test]
    fn no_name_is_disputed() {
        let mut claims = Claims(HashMap::new());
        let mut disputed = BTreeSet::new();
        for (position, country) in (0..).zip(&every_country()) {
            let withdrawn: HashSet<String> = of_country(WITHDRAWN, country).map(fold).collect();
            for folded in names_of(country).filter_map(|name| name.folded()) {
                if !withdrawn.contains(&folded) {
                    claims.insert(folded.clone(), position);
                    if claims.0[&folded].is_none() {
                        disputed.insert(folded);
                    }
                }
            }
        }
        assert_eq!(disputed, BTreeSet::new());
    }

    #[test]
    fn a_disputed_name_names_neither() {
        let mut claims = Claims(HashMap::new());
        for (name, position) in [("ours", 1), ("ours", 1), ("both", 1), ("both", 2), ("both", 1)] {
            claims.insert(name.to_owned(), position);
        }
        assert_eq!([claims.owner("ours"), claims.owner("both"), claims.owner("theirs")], [Some(1), None, None]);
    }

    #[test]
    fn every_translation_names_its_own_country_or_none() {
        let names = Names::build();
        for country in every_country() {
            for (language, text) in country.translations() {
                if let Some(found) = names.find(&fold(text)) {
                    let withdrawn = of_country(WITHDRAWN, &country).any(|name| fold(name) == fold(text));
                    let own = names.at(found).code == code(&country);
                    assert!(own || withdrawn || *language == GARBLED_LANGUAGE, "{text} ({language}) of {country:?}");
                }
            }
        }
    }

    #[test]
    fn the_tables_have_no_idle_rows() {
        let names = Names::build();
        for (table, title) in [(ALIASES, "aliases"), (TRANSLATIONS, "translations")] {
            for (row, texts) in table {
                for text in texts.split('|') {
                    let found = names.find(&fold(text)).map(|position| names.at(position).code);
                    assert_eq!(found, Some(*row), "{title}: {text:?}");
                }
            }
        }
        for country in every_country() {
            let claimed: HashSet<String> = names_of(&country).filter_map(|name| name.folded()).collect();
            for text in of_country(WITHDRAWN, &country) {
                assert!(claimed.contains(&fold(text)), "nobody claims {text:?} for {}", code(&country));
            }
        }
    }

    #[test]
    fn every_country_is_there_once() {
        let names = Names::build();
        let codes: BTreeSet<&str> = names.countries.iter().map(|entry| entry.code).collect();
        assert_eq!((names.countries.len(), codes.len()), (249, 249));
        assert_eq!(keshvar::ALL_COUNTRIES_COUNT, 249);
        assert!(every_country().iter().all(|country| code(country) == country.alpha2().to_string()));
    }
}
