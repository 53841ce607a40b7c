//! What stands in the shop's column `country`, and where it belongs: a table of its own, not the product's.

/// A home and the countries that belong in it.
#[derive(Clone, Copy, Debug)]
pub struct ShopHome {
    /// Its name.
    pub name: &'static str,
    /// Its routing keys.
    pub keys: &'static [&'static str],
}

/// The homes of the shop. Germany takes Austria as well.
pub const HOMES: [ShopHome; 5] = [
    ShopHome { name: "france", keys: &["FR"] },
    ShopHome { name: "germany", keys: &["DE", "AT"] },
    ShopHome { name: "japan", keys: &["JP"] },
    ShopHome { name: "portugal", keys: &["PT"] },
    ShopHome { name: "spain", keys: &["ES"] },
];

/// Where a record with a label belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Belongs {
    /// In a home.
    Home(&'static str),
    /// To a country that has no home here.
    UnknownKey,
    /// Nobody can tell.
    NoKey,
}

/// The countries and how they are written. Brazil has no home.
pub(crate) const LABELS: [(&str, &[&str]); 7] = [
    ("AT", &["Austria", "Österreich", "osterreich ", "AT", "AUT", "040", "Autriche"]),
    ("BR", &["Brazil", "Brasil", " BRASIL", "BR", "BRA"]),
    ("DE", &["Germany", "Deutschland", "  deutschland", "DE", "de ", "DEU", "276", "Allemagne", "Alemania"]),
    ("ES", &["Spain", "España", "  españa", "ESPANA", "ES", "es", "ESP", "724", "Spanien", "España\u{a0}", "🇪🇸"]),
    ("FR", &["France", "FRANCE", "\tfrance  ", "FR", "FRA", "250", "Frankreich", "Francia"]),
    ("JP", &["Japan", "japan", "JP", "JPN", "392", "Japón", "日本"]),
    ("PT", &["Portugal", "PORTUGAL ", "PT", "PRT", "620"]),
];

/// Labels from which nobody can tell a country.
pub(crate) const HOPELESS: [Option<&str>; 8] =
    [None, Some(""), Some("-"), Some("???"), Some("N/A"), Some("unknown"), Some("Atlantis"), Some("Frnace")];

/// Where a record with this label belongs.
///
/// # Panics
///
/// If the shop doesn't know the label: then nobody has said where it belongs.
pub(crate) fn belongs(label: Option<&str>) -> Belongs {
    if HOPELESS.contains(&label) {
        return Belongs::NoKey;
    }
    let known = LABELS.iter().find(|(_, labels)| label.is_some_and(|label| labels.contains(&label)));
    let Some((key, _)) = known else { panic!("the shop doesn't know the label {label:?}") };
    HOMES.iter().find(|home| home.keys.contains(key)).map_or(Belongs::UnknownKey, |home| Belongs::Home(home.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_belong_where_people_would_say() {
        assert_eq!(belongs(Some("  españa")), Belongs::Home("spain"));
        assert_eq!(belongs(Some("Österreich")), Belongs::Home("germany"));
        assert_eq!(belongs(Some("Brasil")), Belongs::UnknownKey);
        assert_eq!(belongs(Some("Frnace")), Belongs::NoKey);
        assert_eq!(belongs(None), Belongs::NoKey);
    }

    #[test]
    fn no_label_stands_for_two_countries() {
        let mut all: Vec<_> = LABELS.iter().flat_map(|(_, labels)| *labels).collect();
        all.sort();
        let count = all.len();
        all.dedup();
        assert_eq!(all.len(), count);
    }
}
