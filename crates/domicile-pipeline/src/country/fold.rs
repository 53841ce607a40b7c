//! One spelling for all the ways in which a name is typed.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// What a character of a label is good for.
enum Role {
    /// It separates words.
    Separator,
    /// It is not seen, or it is an accent: it goes.
    Dropped,
    /// It stays, in lower case and plain.
    Letter(char),
    /// It stays as two letters: `ß`, `æ`.
    Letters(&'static str),
}

/// The words of `label` in lower case, without accents, punctuation and the words that names do without.
///
/// Two labels that fold to the same text are the same name: `"CÔTE D’IVOIRE"` and `"cote d'ivoire"`. Scripts are never
/// transliterated, because names of different countries meet in the Latin alphabet.
pub(super) fn fold(label: &str) -> String {
    let mut words = Words::with_capacity(label.len());
    if label.is_ascii() {
        label.bytes().for_each(|byte| words.push_ascii(byte));
    } else {
        // Compatibility decomposition takes accents off their letters and makes full-width letters plain.
        label.nfkd().for_each(|character| words.push(character));
    }
    words.finish()
}

/// Whether a character carries no meaning of its own at the edge of a label.
///
/// An accent is not one of them even alone: without its last character, decomposed `"Mỹ"` would read as a code.
pub(super) fn is_edge(character: char) -> bool {
    !character.is_alphanumeric() && (is_invisible(character) || !is_combining_mark(character))
}

/// Whether a character is white space, is not seen or is a quotation mark: all that may stand around a number.
pub(super) fn is_padding(character: char) -> bool {
    character.is_whitespace()
        || is_invisible(character)
        || matches!(character, '"' | '\'' | '`' | '‘'..='‟' | '«' | '»')
}

/// Zero-width characters, soft hyphens, direction marks and variation selectors.
fn is_invisible(character: char) -> bool {
    matches!(character,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{e0000}'..='\u{e01ef}')
}

/// Accents and vowel points that writers leave out. The vowel signs of Indic scripts and the voicing marks of Japanese
/// are no such accents: without them different names become one.
fn is_accent(character: char) -> bool {
    matches!(character,
        '\u{300}'..='\u{36f}' | '\u{591}'..='\u{5c7}' | '\u{610}'..='\u{61a}' | '\u{64b}'..='\u{65f}' | '\u{670}'
        | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}' | '\u{20d0}'..='\u{20ff}')
}

/// Letters that stay as they are, and whole blocks of scripts without case and without punctuation of their own.
///
/// Asking the Unicode tables about each character would take more time than all the rest.
fn is_plain(character: char) -> bool {
    matches!(character,
        'a'..='z' | '0'..='9' | 'α'..='ρ' | 'σ'..='ω' | 'а'..='џ' | 'א'..='ת' | 'ء'..='ب' | 'ت'..='غ' | 'ف'..='و'
        | '\u{900}'..='\u{963}' | '\u{980}'..='\u{df3}' | '\u{e01}'..='\u{e2e}' | '\u{e30}'..='\u{e3a}'
        | '\u{e40}'..='\u{e4e}' | '\u{e80}'..='\u{ecf}' | '\u{f40}'..='\u{f84}' | '\u{f90}'..='\u{fbc}'
        | '\u{1000}'..='\u{1049}' | 'ა'..='ჺ' | 'ᄀ'..='ᇿ' | '\u{1200}'..='\u{135a}' | '\u{1780}'..='\u{17b3}'
        | '\u{17b6}'..='\u{17d3}' | 'ぁ'..='ゖ' | 'ァ'..='ヺ' | '一'..='鿿')
}

/// The role of a character in lower case.
fn role(character: char) -> Role {
    match character {
        // Letters with a stroke and ligatures have no decomposition, yet plain keyboards write them so.
        'ß' => Role::Letters("ss"),
        'æ' => Role::Letters("ae"),
        'œ' => Role::Letters("oe"),
        'þ' => Role::Letters("th"),
        'ø' => Role::Letter('o'),
        'ł' => Role::Letter('l'),
        'đ' | 'ð' => Role::Letter('d'),
        'ħ' => Role::Letter('h'),
        'ŧ' => Role::Letter('t'),
        'ı' => Role::Letter('i'),
        'ə' => Role::Letter('e'),
        'ς' => Role::Letter('σ'),
        // Arabic, Persian and Urdu keyboards have different keys for what their readers take for one letter.
        'ى' | 'ی' => Role::Letter('ي'),
        'ک' => Role::Letter('ك'),
        'ة' => Role::Letter('ه'),
        // The first is a line that only stretches a word, the others are apostrophes that Unicode counts as letters.
        '\u{640}' => Role::Dropped,
        '\u{2b9}'..='\u{2bf}' | '\u{2c8}' | '\u{2ca}' | '\u{2cb}' => Role::Separator,
        _ if is_accent(character) || is_invisible(character) => Role::Dropped,
        _ if character.is_alphanumeric() || is_combining_mark(character) => Role::Letter(character),
        _ => Role::Separator,
    }
}

/// The folded words so far, and where the last one begins.
struct Words {
    text: String,
    last: usize,
}

impl Words {
    fn with_capacity(bytes: usize) -> Self {
        Self { text: String::with_capacity(bytes), last: 0 }
    }

    fn push_ascii(&mut self, byte: u8) {
        if byte.is_ascii_alphanumeric() {
            self.text.push(char::from(byte.to_ascii_lowercase()));
        } else {
            self.end_word();
        }
    }

    fn push(&mut self, character: char) {
        if is_plain(character) {
            self.text.push(character);
            return;
        }
        for character in character.to_lowercase() {
            match role(character) {
                Role::Letter(letter) => self.text.push(letter),
                Role::Letters(letters) => self.text.push_str(letters),
                Role::Dropped => {}
                Role::Separator => self.end_word(),
            }
        }
    }

    /// Ends the word, if there is one: small words go, and the usual abbreviations are written out.
    fn end_word(&mut self) {
        let word = &self.text[self.last..];
        let written_out = match word {
            "" => return,
            "the" | "and" | "of" => {
                self.text.truncate(self.last);
                return;
            }
            "st" => Some("saint"),
            "rep" => Some("republic"),
            "dem" => Some("democratic"),
            _ => None,
        };
        if let Some(written_out) = written_out {
            self.text.truncate(self.last);
            self.text.push_str(written_out);
        }
        self.text.push(' ');
        self.last = self.text.len();
    }

    fn finish(mut self) -> String {
        self.end_word();
        self.text.truncate(self.text.trim_end().len());
        self.text
    }
}

#[cfg(test)]
mod tests {
    use super::{Role, fold, is_edge, is_plain, role};

    #[test]
    fn spellings_of_one_name_fold_to_one_text() {
        let cases: &[(&str, &[&str])] = &[
            ("espana", &["España", "ESPAÑA", "espana", "  Espan\u{303}a\t", "Ｅｓｐａｎａ", "Es\u{200b}pa\u{ad}ña"]),
            ("cote d ivoire", &["Côte d'Ivoire", "COTE D’IVOIRE", "cote  d ivoire", "Côte dʼIvoire"]),
            ("weissrussland", &["Weißrussland", "WEIẞRUSSLAND", "weissrussland"]),
            ("ispanya", &["İspanya", "ISPANYA", "ıspanya", "i\u{307}spanya"]),
            ("ελλαδα", &["Ελλάδα", "ΕΛΛΆΔΑ", "ελλαδα"]),
            ("россия", &["Россия", "РОССИЯ"]),
            ("antigua barbuda", &["Antigua & Barbuda", "Antigua and Barbuda", "Antigua/Barbuda"]),
            ("bahamas", &["The Bahamas", "Bahamas, The", "Bahamas (the)"]),
            ("saint lucia", &["St. Lucia", "St Lucia", "Saint-Lucia"]),
            ("اسبانيا", &["إسبانيا", "اسبانيا", "اسبانیا"]),
        ];
        for (folded, labels) in cases {
            for label in *labels {
                assert_eq!(fold(label), *folded, "{label:?}");
            }
        }
    }

    #[test]
    fn different_names_stay_different() {
        for (one, other) in
            [("Niger", "Nigeria"), ("ギニア", "キニア"), ("माली", "मलि"), ("N/A", "NA"), ("Иран", "Iran")]
        {
            assert_ne!(fold(one), fold(other));
        }
    }

    #[test]
    fn a_label_of_small_words_folds_to_nothing() {
        for label in ["", "The", "of the", " & ", "---", "\u{200b}"] {
            assert_eq!(fold(label), "", "{label:?}");
        }
        assert_eq!(fold("Thea"), "thea");
    }

    #[test]
    fn an_accent_is_no_edge() {
        assert!(is_edge('"') && is_edge('\u{feff}') && is_edge('\u{a0}'));
        assert!(!is_edge('\u{303}') && !is_edge('y'));
    }

    #[test]
    fn plain_letters_have_no_other_role_and_no_upper_case() {
        for plain in ('\0'..=char::MAX).filter(|character| is_plain(*character)) {
            // Within the blocks, places without a letter and currency signs count as letters, which does no harm.
            let is_letter = match role(plain) {
                Role::Letter(same) => same == plain,
                Role::Separator => !plain.is_whitespace(),
                Role::Dropped | Role::Letters(_) => false,
            };
            assert!(is_letter && plain.to_lowercase().eq([plain]), "{plain:?}");
        }
        for separator in " \t.,-/()'’،؛।།་。、・፡።។၊".chars() {
            assert!(!is_plain(separator) && matches!(role(separator), Role::Separator), "{separator:?}");
        }
    }
}
