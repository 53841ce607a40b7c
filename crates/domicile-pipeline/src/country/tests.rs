//! Labels as real data has them, and what they must not be taken for.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use super::{country_code, country_name, suggestions};

/// Labels by country.
const LABELS: &[(&str, &[&str])] = &[
    ("AE", &["UAE", "U.A.E.", "United Arab Emirates (the)", "الإمارات العربية المتحدة", "ОАЭ", "アラブ首長国連邦"]),
    ("AT", &["Österreich", "Oesterreich", "OSTERREICH", "Autriche", "Австрия", "オーストリア"]),
    ("BA", &["Bosnia", "Bosnia & Herzegovina", "Bosnia-Herzegovina", "BiH", "Босна и Херцеговина"]),
    ("BO", &["Bolivia", "Bolivia (Plurinational State of)", "Bolivia, Plurinational State of"]),
    ("BS", &["Bahamas", "The Bahamas", "Bahamas, The", "Bahamas (the)"]),
    ("BY", &["Weißrussland", "Weissrussland", "WEISSRUSSLAND", "Беларусь", "Belarus"]),
    ("CD", &["DRC", "DR Congo", "D.R. Congo", "Congo-Kinshasa", "Congo, Dem. Rep.", "Dem. Rep. Congo", "Zaire"]),
    ("CD", &["Congo, The Democratic Republic of the", "Democratic Republic of the Congo", "Congo (Kinshasa)"]),
    ("CG", &["Congo, Rep.", "Republic of the Congo", "Congo-Brazzaville", "Congo (Brazzaville)", "COG", "cg"]),
    ("CH", &["Schweiz", "Suisse", "Svizzera", "Switzerland", "Швейцария", "瑞士", "スイス"]),
    ("CI", &["cote d'ivoire", "Côte d’Ivoire", "COTE DIVOIRE", "Ivory Coast", "Elfenbeinküste", "Cote d Ivoire"]),
    ("CN", &["中国", "中國", "PRC", "P.R. China", "People's Republic of China", "Peoples Republic of China", "Çin"]),
    ("CV", &["Cape Verde", "Cabo Verde"]),
    ("CZ", &["Czech Republic", "Czechia", "Česko", "Česká republika", "CESKA REPUBLIKA"]),
    ("DE", &["Germany", "GERMANY", "Deutschland", "Allemagne", "Alemania", "Германия", "ドイツ", "德国", "독일", "🇩🇪"]),
    ("DK", &["Danmark", "Dänemark", "Daenemark"]),
    ("EG", &["مصر", "Egypt, Arab Rep.", "Ägypten", "Égypte", "Egypt"]),
    (
        "ES",
        &["España", "Espana", "ESPAÑA", "  españa", "Espan\u{303}a", "Spain ", "\tSpain\r\n", "\"Spain\"", "'spain'"],
    ),
    (
        "ES",
        &["\u{a0}Spain\u{a0}", "\u{feff}Spain", "Sp\u{200b}ain", "«Spain»", "Spain.", "(Spain)", "ＥＳ", "Ｓｐａｉｎ"],
    ),
    (
        "ES",
        &["🇪🇸", " 🇪🇸 ", "🇪🇸 Spain", "España 🇪🇸", "724", " 724 ", "Kingdom of Spain", "İspanya", "ISPANYA", "스페인"],
    ),
    ("ES", &["إسبانيا", "اسبانيا", "Испания", "ИСПАНИЯ", "Ισπανία", "ספרד", "स्पेन", "西班牙", "スペイン", "สเปน"]),
    ("FM", &["Micronesia", "Micronesia, Fed. Sts.", "Federated States of Micronesia"]),
    ("FR", &["France", "FRANCE", "Frankreich", "République française", "Франция", "Frankrijk"]),
    (
        "GB",
        &["UK", "U.K.", "uk", "The UK", "Great Britain", "Britain", "England", "Scotland", "Wales", "Northern Ireland"],
    ),
    (
        "GB",
        &["United Kingdom", "Royaume-Uni", "Vereinigtes Königreich", "Великобритания", "イギリス", "英国", "İngiltere"],
    ),
    ("GE", &["Georgia", "საქართველო", "Грузия"]),
    ("GN", &["Guinea", "Guinée"]),
    ("GR", &["Ελλάδα", "ΕΛΛΑΔΑ", "Hellas", "EL", "el", "Griechenland", "Yunanistan"]),
    ("HK", &["Hong Kong", "HongKong", "Hong Kong SAR", "Hong Kong, China", "香港"]),
    ("HR", &["Hrvatska", "Croatia", "Kroatien"]),
    ("IN", &["India", "भारत", "Bharat", "IND"]),
    ("IR", &["Iran", "Iran, Islamic Republic of", "Islamic Republic of Iran", "ایران", "ايران"]),
    ("IT", &["Italia", "Włochy", "Olaszország", "Italy"]),
    ("JP", &["日本", "日本国", "Japan", "Nippon"]),
    ("KP", &["North Korea", "DPRK", "Korea, Democratic People's Republic of", "Nordkorea", "КНДР", "북한", "朝鲜"]),
    (
        "KR",
        &["South Korea", "Republic of Korea", "Korea, Republic of", "Korea (Republic of)", "대한민국", "한국", "韩国"],
    ),
    ("LA", &["Laos", "Lao PDR", "Lao People's Democratic Republic", "Lao"]),
    ("LC", &["St. Lucia", "St Lucia", "Saint Lucia", "ST. LUCIA"]),
    ("MD", &["Moldova", "Moldova, Republic of", "Republic of Moldova"]),
    ("MK", &["Macedonia", "North Macedonia", "FYROM", "Македонија"]),
    ("MM", &["Burma", "Myanmar", "Myanmar (Burma)", "Myanmar/Burma"]),
    ("MX", &["México", "Mexico", "MEXICO", "Méjico", "United Mexican States"]),
    ("NA", &["NA", "na", "NAM", "516", "Namibia"]),
    ("NL", &["Holland", "The Netherlands", "Netherlands, The", "Nederland", "Pays-Bas", "Niederlande", "Países Bajos"]),
    ("PL", &["Polska", "Pologne", "Польша"]),
    ("PS", &["Palestine", "State of Palestine", "Palestine, State of", "West Bank and Gaza", "فلسطين"]),
    ("RU", &["Russia", "Russian Federation", "Россия", "РОССИЯ", "Российская Федерация", "Rosja", "Russland"]),
    ("SA", &["KSA", "Saudi Arabia", "Kingdom of Saudi Arabia", "المملكة العربية السعودية"]),
    ("SY", &["Syria", "Syrian Arab Republic", "سوريا"]),
    ("SZ", &["Swaziland", "Eswatini"]),
    ("TL", &["East Timor", "Timor-Leste", "Timor Leste"]),
    ("TR", &["Turkey", "Türkiye", "Turkiye", "TÜRKİYE", "türkıye", "Türkei"]),
    ("TT", &["Trinidad and Tobago", "Trinidad & Tobago", "Trinidad y Tobago", "TRINIDAD/TOBAGO"]),
    ("TW", &["Taiwan", "Taiwan, Province of China", "台灣", "臺灣", "台湾"]),
    ("TZ", &["Tanzania", "Tanzania, United Republic of", "United Republic of Tanzania"]),
    ("UA", &["Ukraine", "The Ukraine", "Україна", "Украина"]),
    (
        "US",
        &["USA", "U.S.A.", "U.S.", "US", "u.s.a", "United States", "The United States of America", "America", "EE.UU."],
    ),
    ("US", &["États-Unis", "Estados Unidos", "Vereinigte Staaten", "США", "アメリカ合衆国", "美国", "미국", "840"]),
    ("VA", &["Vatican", "Vatican City", "Holy See", "Holy See (Vatican City State)"]),
    ("VE", &["Venezuela", "Venezuela, RB", "Venezuela (Bolivarian Republic of)"]),
    ("VG", &["British Virgin Islands", "Virgin Islands, British", "Virgin Islands (British)", "BVI"]),
    ("VI", &["US Virgin Islands", "Virgin Islands, U.S.", "U.S. Virgin Islands", "USVI"]),
    ("VN", &["Viet Nam", "Vietnam", "Việt Nam", "VIET-NAM"]),
    ("ZA", &["South Africa", "Südafrika", "RSA", "Suid-Afrika"]),
    ("AF", &["4", "04", "004", "AFG", "Afghanistan", "افغانستان"]),
];

/// A label that names no country, beside one that does and differs little.
const REFUSED: &[(&str, &str, &str)] = &[
    ("Korea", "South Korea", "KR"),
    ("Corée", "Corée du Sud", "KR"),
    ("Congo", "Congo, Republic of the", "CG"),
    ("Kongo", "Congo (Brazzaville)", "CG"),
    ("Конго", "Республика Конго", "CG"),
    ("Virgin Islands", "Virgin Islands (U.S.)", "VI"),
    ("Republic of China", "People's Republic of China", "CN"),
    ("Nigeri", "Nigeria", "NG"),
    ("Гвиана", "Гайана", "GY"),
    ("N/A", "NA", "NA"),
    ("n.a.", "na", "NA"),
    ("N A", "\tNA ", "NA"),
    ("I/N", "IN", "IN"),
    ("Mỹ", "My", "MY"),
    ("My\u{303}", "MY", "MY"),
    ("Bỉ", "Bi", "BI"),
    ("É S", "ES", "ES"),
    ("™", "TM", "TM"),
    ("№", "No", "NO"),
    ("㎏", "KG", "KG"),
    ("0724", "724", "ES"),
    ("7 24", "724", "ES"),
    ("-724", "724", "ES"),
    ("+4", "4", "AF"),
    ("724.0", "'724'", "ES"),
    ("0", "008", "AL"),
    ("999", "894", "ZM"),
    ("Spainn", "Spain", "ES"),
    ("Madrid, Spain", "Spain,", "ES"),
    ("Spain / Portugal", "Portugal", "PT"),
    ("ES, PT", "ES,", "ES"),
    ("🇪🇸 Portugal", "🇵🇹 Portugal", "PT"),
    ("🇪🇸🇵🇹", "🇵🇹", "PT"),
    ("🇪", "🇪🇪", "EE"),
    ("🇿🇿", "🇿🇲", "ZM"),
    ("XK", "RS", "RS"),
    ("ZZ", "ZM", "ZM"),
    ("EU", "EE", "EE"),
    ("Republic of", "Republic of Poland", "PL"),
    ("The", "The Gambia", "GM"),
    ("Islands", "Cook Islands", "CK"),
    ("Saint", "Saint Lucia", "LC"),
    ("Yugoslavia", "Serbia", "RS"),
    ("Czechoslovakia", "Slovakia", "SK"),
    ("Soviet Union", "Russia", "RU"),
    ("Netherlands Antilles", "Netherlands", "NL"),
    ("Kosovo", "Serbia", "RS"),
];

/// Labels that have no country in them, nor anything like one.
const HOPELESS: &[&str] = &[
    "",
    " ",
    "-",
    "--",
    "?",
    "???",
    ".",
    "N/A",
    "n/a",
    "#N/A",
    "null",
    "NULL",
    "none",
    "None",
    "nil",
    "unknown",
    "UNKNOWN",
    "undefined",
    "TBD",
    "test",
    "other",
    "Other",
    "foo",
    "x",
    "xx",
    "xxxx",
    "0",
    "00",
    "1234",
    "12345678",
    "1.5",
    "\u{200b}",
    "\u{0}",
    "🙂",
    "🏴",
    "€",
    "Republic",
    "abcdefgh",
];

fn english_names() -> Vec<(&'static str, &'static str)> {
    let letters = 'A'..='Z';
    let codes = letters.clone().flat_map(|first| letters.clone().map(move |second| format!("{first}{second}")));
    codes.filter_map(|code| Some((country_code(&code)?, country_name(&code)?))).collect()
}

#[test]
fn labels_name_their_country() {
    let labels: Vec<_> =
        LABELS.iter().flat_map(|(code, labels)| labels.iter().map(move |label| (*code, *label))).collect();
    assert!(labels.len() >= 150);
    for (code, label) in labels {
        assert_eq!(country_code(label), Some(code), "{label:?}");
    }
}

#[test]
fn every_country_has_its_codes_and_its_english_name() {
    let mut countries = 0;
    for alpha2 in keshvar::SUPPORTED_ALPHA2_LIST {
        let country = alpha2.to_country();
        let code = alpha2.to_string();
        let expected = Some(country.un_locode());
        let [alpha3, number] = [country.alpha3().to_string(), country.number().to_owned()];
        let unpadded = number.trim_start_matches('0').to_owned();
        let lower = [code.to_lowercase(), alpha3.to_lowercase()];
        for label in [code.clone(), alpha3, number, unpadded].into_iter().chain(lower) {
            assert_eq!(country_code(&label), expected, "{label:?}");
        }
        // The English short name of one Congo is what people call both.
        let by_name = if code == "CG" { None } else { expected };
        assert_eq!(country_code(country.iso_short_name()), by_name);
        assert_eq!(country_code(country.iso_long_name()).or(Some("VG")), expected, "{}", country.iso_long_name());
        assert_eq!(country_name(&code), Some(country.iso_short_name()));
        countries += 1;
    }
    assert_eq!(countries, 249);
}

#[test]
fn ambiguous_and_broken_labels_name_none_and_their_twins_do() {
    for (refused, twin, code) in REFUSED {
        assert_eq!(country_code(refused), None, "{refused:?}");
        assert_eq!(country_code(twin), Some(*code), "{twin:?}");
    }
}

#[test]
fn hopeless_labels_name_none_and_resemble_nothing() {
    for label in HOPELESS {
        assert_eq!(country_code(label), None, "{label:?}");
        assert_eq!(suggestions(label, 3), [], "{label:?}");
    }
}

#[test]
fn long_text_names_none_and_long_padding_does_no_harm() {
    let text = "Spain ".repeat(1000);
    assert_eq!(country_code(&text), None);
    assert_eq!(suggestions(&text, 3), []);
    assert_eq!(country_code(&format!("{:<255}", "Spain")), Some("ES"));
}

#[test]
fn case_white_space_and_accents_change_nothing() {
    let without_accents = |name: &str| name.nfd().filter(|letter| !is_combining_mark(*letter)).collect::<String>();
    let names = english_names();
    assert_eq!(names.len(), 249);
    for (_, name) in names {
        let expected = country_code(name);
        let spaced = name.replace(' ', " \u{a0}\t");
        let variants = [
            name.to_lowercase(),
            name.to_uppercase(),
            without_accents(name),
            name.nfd().collect(),
            name.replace('\'', "’"),
            name.replace('\'', ""),
            format!("\u{feff}\t \"{spaced}\"\r\n"),
            format!("{name} (the)"),
            format!("The {name}"),
        ];
        for variant in variants {
            assert_eq!(country_code(&variant), expected, "{variant:?}");
        }
    }
}

#[test]
fn two_and_three_letters_are_a_code_before_they_are_a_name() {
    let letters = 'a'..='z';
    let pairs = letters.clone().flat_map(|first| letters.clone().map(move |second| format!("{first}{second}")));
    for pair in pairs {
        // Only the codes of the European Union that ISO gives to nobody are names of two letters.
        if let Some(code) = country_code(&pair) {
            assert!(code.eq_ignore_ascii_case(&pair) || pair == "uk" || pair == "el", "{pair} is {code}");
        }
    }
}

#[test]
fn only_an_alpha_2_code_has_a_name() {
    assert_eq!(country_name("CI"), Some("Côte d'Ivoire"));
    for code in ["ci", "UK", "XX", "", "CIV"] {
        assert_eq!(country_name(code), None, "{code}");
    }
}
