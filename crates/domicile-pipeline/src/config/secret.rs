//! Hiding passwords in the text of the file, where it is shown.

/// The text with all that may be a password of a URL hidden: what stands between a `:` and an `@`, and what follows
/// `password=`. Each byte becomes a star, so that all else stays where it is.
pub(super) fn hidden(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for word in text.split_inclusive(|char: char| char.is_whitespace() || char == '"' || char == '\'') {
        shown.push_str(&hidden_in_word(word));
    }
    shown
}

/// A URL has no spaces, and no quotes.
fn hidden_in_word(word: &str) -> String {
    let mut shown = word.to_owned();
    let authority = word.find("://").map_or(0, |scheme| scheme + "://".len());
    if let (Some(colon), Some(at)) = (word[authority..].find(':'), word.rfind('@')) {
        hide(&mut shown, authority + colon + 1, at);
    }
    for (begin, name) in word.match_indices("password=") {
        let value = begin + name.len();
        let length = word[value..].find(['&', '"', '\'', '#']).unwrap_or(word.trim_end().len() - value);
        hide(&mut shown, value, value + length);
    }
    shown
}

fn hide(text: &mut String, begin: usize, end: usize) {
    if begin < end {
        text.replace_range(begin..end, &"*".repeat(end - begin));
    }
}

#[cfg(test)]
mod tests {
    use super::hidden;

    #[test]
    fn a_password_is_hidden_and_all_else_stays_where_it_is() {
        for (text, shown) in [
            ("url = \"postgres://jan:hunter2@host:5432/shop\"", "url = \"postgres://jan:*******@host:5432/shop\""),
            ("'mysql://jan:p@ss/w:rd@host/shop' # x:y", "'mysql://jan:*********@host/shop' # x:y"),
            ("\"jan:hunter2@host/shop\"\nrows = 5", "\"jan:*******@host/shop\"\nrows = 5"),
            ("x://jan:${PASSWORD:-hunter2}@host", "x://jan:********************@host"),
            ("x://jan@host/d?password=hunter2&sslmode=require", "x://jan@host/d?password=*******&sslmode=require"),
            ("x://jan@host/d?password=hunter2\n", "x://jan@host/d?password=*******\n"),
            ("x://jan:ßecret@host", "x://jan:*******@host"),
            ("key = \"a::text\" # jan@host", "key = \"a::text\" # jan@host"),
            ("url = \"postgres://jan@host:5432/shop\"", "url = \"postgres://jan@host:5432/shop\""),
            ("url = \"postgres://jan:hunter2@host", "url = \"postgres://jan:*******@host"),
            ("a:@ :@ password=", "a:@ :@ password="),
        ] {
            assert_eq!(hidden(text), shown);
            assert_eq!(hidden(text).len(), text.len());
        }
    }
}
