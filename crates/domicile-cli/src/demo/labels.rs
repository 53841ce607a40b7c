//! What stands in the column `country` of the demo's orders: each nation's name, as many people typed it.

use std::borrow::Cow;

/// One nation: its codes, its English name, and how else people write it.
struct Nation {
    home: &'static str,
    alpha2: &'static str,
    alpha3: &'static str,
    numeric: &'static str,
    name: &'static str,
    /// A misspelling that is meant to be near to the name and yet to name no country.
    misspelt: &'static str,
    /// Names in its own and in other languages, with and without accents, and unofficial ones.
    others: &'static [&'static str],
}

const fn nation(
    home: &'static str,
    [alpha2, alpha3, numeric]: [&'static str; 3],
    [name, misspelt]: [&'static str; 2],
    others: &'static [&'static str],
) -> Nation {
    Nation { home, alpha2, alpha3, numeric, name, misspelt, others }
}

/// The nations in the order of their TPC-H nation keys.
#[rustfmt::skip] // A table is easier to read and to extend with a nation a line.
static TABLE: [Nation; 25] = [
    nation("algeria", ["DZ", "DZA", "012"], ["Algeria", "Algeira"], &["Algérie", "Algerie", "Algerien", "Argelia", "الجزائر"]),
    nation("argentina", ["AR", "ARG", "032"], ["Argentina", "Argentnia"], &["Argentinien", "Argentine", "Argentinië", "Аргентина", "アルゼンチン"]),
    nation("brazil", ["BR", "BRA", "076"], ["Brazil", "Brzail"], &["Brasil", "Brasilien", "Brésil", "Bresil", "Brasile", "ブラジル"]),
    nation("canada", ["CA", "CAN", "124"], ["Canada", "Cnaada"], &["Kanada", "Canadá", "Канада", "カナダ", "加拿大"]),
    nation("egypt", ["EG", "EGY", "818"], ["Egypt", "Egpyt"], &["Ägypten", "Agypten", "Égypte", "Egypte", "Egipto", "مصر"]),
    nation("ethiopia", ["ET", "ETH", "231"], ["Ethiopia", "Ethoipia"], &["Äthiopien", "Éthiopie", "Ethiopie", "Etiopía", "Etiopia", "エチオピア"]),
    nation("france", ["FR", "FRA", "250"], ["France", "Frnace"], &["Frankreich", "Francia", "França", "Franca", "Frankrijk", "フランス"]),
    nation("germany", ["DE", "DEU", "276"], ["Germany", "Germny"], &["Deutschland", "Allemagne", "Alemania", "Germania", "Германия", "ドイツ"]),
    nation("india", ["IN", "IND", "356"], ["India", "Inida"], &["Indien", "Inde", "Índia", "Индия", "भारत"]),
    nation("indonesia", ["ID", "IDN", "360"], ["Indonesia", "Indoneisa"], &["Indonesien", "Indonésie", "Indonesie", "Индонезия", "インドネシア"]),
    nation("iran", ["IR", "IRN", "364"], ["Iran", "Irarn"], &["Iran (Islamic Republic of)", "Islamic Republic of Iran", "Irán", "Иран", "ایران"]),
    nation("iraq", ["IQ", "IRQ", "368"], ["Iraq", "Irqa"], &["Irak", "Ирак", "العراق", "イラク"]),
    nation("japan", ["JP", "JPN", "392"], ["Japan", "Jpaan"], &["Japon", "Japón", "Giappone", "Япония", "日本"]),
    nation("jordan", ["JO", "JOR", "400"], ["Jordan", "Jodran"], &["Jordanien", "Jordanie", "Jordania", "Giordania", "الأردن"]),
    nation("kenya", ["KE", "KEN", "404"], ["Kenya", "Keyna"], &["Kenia", "Quênia", "Кения", "ケニア"]),
    nation("morocco", ["MA", "MAR", "504"], ["Morocco", "Morcoco"], &["Maroc", "Marokko", "Marruecos", "Marocco", "المغرب"]),
    nation("mozambique", ["MZ", "MOZ", "508"], ["Mozambique", "Mozmabique"], &["Moçambique", "Mocambique", "Mosambik", "Мозамбик"]),
    nation("peru", ["PE", "PER", "604"], ["Peru", "Preu"], &["Perú", "Pérou", "Perou", "Перу", "ペルー"]),
    nation("china", ["CN", "CHN", "156"], ["China", "Chnia"], &["Chine", "Cina", "Kina", "Китай", "中国"]),
    nation("romania", ["RO", "ROU", "642"], ["Romania", "Romnaia"], &["România", "Rumänien", "Rumanien", "Roumanie", "Румыния"]),
    nation("saudi_arabia", ["SA", "SAU", "682"], ["Saudi Arabia", "Suadi Arabai"], &["Saudi-Arabien", "Arabie saoudite", "Arabia Saudita", "Kingdom of Saudi Arabia", "Саудовская Аравия"]),
    nation("vietnam", ["VN", "VNM", "704"], ["Vietnam", "Veitnam"], &["Viet Nam", "Việt Nam", "Viêt Nam", "Вьетнам", "ベトナム"]),
    nation("russia", ["RU", "RUS", "643"], ["Russia", "Rusisa"], &["Russian Federation", "Russland", "Russie", "Rusia", "Россия", "ロシア連邦"]),
    nation("united_kingdom", ["GB", "GBR", "826"], ["United Kingdom", "Untied Kingdom"], &["UK", "U.K.", "Great Britain", "Vereinigtes Königreich", "Royaume-Uni", "Reino Unido", "Великобритания", "英国"]),
    nation("united_states", ["US", "USA", "840"], ["United States", "Untied States"], &["U.S.A.", "United States of America", "Vereinigte Staaten", "États-Unis", "Etats-Unis", "Estados Unidos", "США"]),
];

/// Each nation's home and its ISO 3166 alpha-2 code, in the order of the TPC-H nation keys.
pub(crate) const NATIONS: [(&str, &str); TABLE.len()] = {
    let mut nations = [("", ""); TABLE.len()];
    let mut key = 0;
    while key < nations.len() {
        nations[key] = (TABLE[key].home, TABLE[key].alpha2);
        key += 1;
    }
    nations
};

/// Labels from which nobody can tell a country. The misspelt names join them.
const HOPELESS: [Option<&str>; 7] =
    [None, Some(""), Some("-"), Some("???"), Some("N/A"), Some("unknown"), Some("Atlantis")];

/// How hands and keyboards change what they type.
const MANNERS: [fn(&str) -> String; 7] = [
    |label| label.to_uppercase(),
    |label| label.to_lowercase(),
    |label| format!(" {label}"),
    |label| format!("{label} "),
    |label| format!("\t{label}  "),
    |label| format!("  {}", label.replace(' ', "  ")),
    |label| format!("{}\u{a0}", label.replace(' ', "\u{a0}")),
];

/// What stands in the country column of order `id` of a customer from the nation with this TPC-H key, `None` being
/// NULL. It depends on nothing else, so that a demo made anew is the same demo.
///
/// Of a thousand orders, about 550 have the English name as it should be, 4 have a hopeless label, 150 a code, 160
/// a name in another language or an unofficial one, and the rest the English name with its case or its spaces spoilt.
///
/// # Panics
///
/// If there is no such nation.
pub(crate) fn label(nation_key: usize, id: i64) -> Option<Cow<'static, str>> {
    let nation = &TABLE[nation_key];
    let mut random = SplitMix64::new(nation_key, id);
    let (label, is_spoilt) = match random.below(1000) {
        0..4 => return hopeless(nation, &mut random).map(Cow::Borrowed),
        4..554 => (nation.name, false),
        554..634 => (nation.alpha2, random.below(4) == 0),
        634..684 => (nation.alpha3, random.below(4) == 0),
        684..704 => (nation.numeric, random.below(4) == 0),
        704..864 => (*random.pick(nation.others), random.below(4) == 0),
        _ => (nation.name, true),
    };
    Some(if is_spoilt { Cow::Owned(random.pick(&MANNERS)(label)) } else { Cow::Borrowed(label) })
}

/// Is this one of the labels from which nobody can tell a country?
pub(crate) fn is_hopeless(label: Option<&str>) -> bool {
    HOPELESS.contains(&label) || TABLE.iter().any(|nation| Some(nation.misspelt) == label)
}

fn hopeless(nation: &Nation, random: &mut SplitMix64) -> Option<&'static str> {
    // A fourth of them are misspelt, because those are the ones for which a person knows the answer at once.
    if random.below(4) == 0 { Some(nation.misspelt) } else { *random.pick(&HOPELESS) }
}

/// The generator SplitMix64 (Steele, Lea and Flood, 2014): a counter that is mixed well, and so small that the demo
/// needs no crate whose next version might make another demo.
struct SplitMix64(u64);

impl SplitMix64 {
    /// The golden ratio's fraction, by which the counter advances.
    const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

    fn new(nation_key: usize, id: i64) -> Self {
        // The id is mixed before the nation joins it, so that near ids of near nations do not share a counter.
        let mixed_id = Self(id.cast_unsigned()).next();
        Self(mixed_id ^ nation_key as u64)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(Self::STEP);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`. The bounds are so small that the remainder's bias cannot be seen.
    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn pick<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.below(choices.len() as u64) as usize]
    }
}

/// Every label that names a country, with the alpha-2 code of the country that it must resolve to.
#[cfg(test)]
pub(crate) fn every_label() -> impl Iterator<Item = (&'static str, String)> {
    TABLE.iter().flat_map(|nation| {
        let codes = [nation.alpha2, nation.alpha3, nation.numeric, nation.name];
        codes.into_iter().chain(nation.others.iter().copied()).flat_map(|label| {
            let spoilt = MANNERS.iter().map(move |manner| manner(label));
            std::iter::once(label.to_owned()).chain(spoilt).map(|label| (nation.alpha2, label))
        })
    })
}

/// Every label that must resolve to no country.
#[cfg(test)]
pub(crate) fn every_hopeless_label() -> impl Iterator<Item = Option<&'static str>> {
    HOPELESS.into_iter().chain(TABLE.iter().map(|nation| Some(nation.misspelt)))
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};

    use tpchgen::distribution::Distributions;

    use super::*;

    const ORDERS: i64 = 15_000;

    fn labels() -> impl Iterator<Item = (&'static Nation, Option<Cow<'static, str>>)> {
        (1..=ORDERS).map(|id| {
            let nation_key = id as usize % TABLE.len();
            (&TABLE[nation_key], label(nation_key, id))
        })
    }

    #[test]
    fn homes_are_the_nations_of_tpc_h_in_their_order() {
        let nations = Distributions::static_default().nations().get_values();
        let homes: Vec<_> = nations.iter().map(|name| name.to_lowercase().replace(' ', "_")).collect();
        assert_eq!(homes, NATIONS.map(|(home, _)| home));
    }

    #[test]
    fn shares_are_as_documented() {
        let (mut plain, mut hopeless, mut codes) = (0, 0, 0);
        for (nation, label) in labels() {
            let label = label.as_deref();
            plain += u32::from(label == Some(nation.name));
            hopeless += u32::from(is_hopeless(label));
            let trimmed = label.map(|label| label.trim().to_uppercase());
            let trimmed = trimmed.as_deref();
            codes += u32::from([nation.alpha2, nation.alpha3, nation.numeric].map(Some).contains(&trimmed));
        }
        assert!((8_000..8_500).contains(&plain), "{plain} plain names");
        assert!((40..85).contains(&hopeless), "{hopeless} hopeless labels");
        assert!((2_100..2_400).contains(&codes), "{codes} codes");
    }

    #[test]
    fn every_label_that_is_given_is_listed() {
        let listed: HashMap<_, _> = every_label().map(|(alpha2, label)| (label, alpha2)).collect();
        let given_hopeless: HashSet<_> = every_hopeless_label().collect();
        for (nation, label) in labels() {
            match label.as_deref() {
                label if is_hopeless(label) => assert!(given_hopeless.contains(&label)),
                Some(label) => assert_eq!(listed.get(label), Some(&nation.alpha2), "{label:?}"),
                None => unreachable!("NULL is hopeless"),
            }
        }
    }

    #[test]
    fn no_label_names_two_nations_or_is_hopeless_too() {
        let mut seen = HashMap::new();
        for (alpha2, label) in every_label() {
            assert!(!is_hopeless(Some(&label)), "{label:?} is called hopeless");
            let first = *seen.entry(label.clone()).or_insert(alpha2);
            assert_eq!(first, alpha2, "{label:?} names two nations");
        }
    }

    #[test]
    fn labels_never_change() {
        let british: Vec<_> = (3..=10).map(|id| label(23, id)).collect();
        let expected = ["United Kingdom", "United Kingdom", "GB", "Великобритания", "United Kingdom"].into_iter();
        let expected = expected.chain(["United Kingdom", "United Kingdom", "United\u{a0}Kingdom\u{a0}"]);
        assert!(british.iter().map(Option::as_deref).eq(expected.map(Some)), "{british:?}");
    }
}
