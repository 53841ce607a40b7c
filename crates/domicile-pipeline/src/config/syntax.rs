//! Reading TOML that may have mistakes: every mistake is told once, and what is sound around it is still read.

use std::ops::Range;

use toml::de::DeTable;

use super::tree::Node;

/// So many lines without a value are told at once.
const STOPS_MAX: usize = 50;
/// The parser's word for a line without `=`. It stops there; all other mistakes it reads past.
const STOP: &str = "key with no value";
const DUPLICATE: &str = "duplicate key";

/// What the text of a file says, and what is wrong with it.
pub(super) struct Syntax {
    pub(super) root: Node,
    pub(super) faults: Vec<Fault>,
}

/// A mistake of syntax.
pub(super) struct Fault {
    /// What to point at.
    pub(super) span: Range<usize>,
    /// The text that is not to be trusted; empty if only what repeats is wrong.
    pub(super) broken: Range<usize>,
    pub(super) message: String,
    pub(super) help: String,
}

/// Reads a text.
pub(super) fn parse(text: &str) -> Syntax {
    let mut readable = text.to_owned();
    let mut errors = Vec::new();
    loop {
        let (table, found) = DeTable::parse_recoverable(&readable);
        let stop = found.iter().find(|error| error.message().starts_with(STOP)).cloned();
        let line = stop.as_ref().and_then(toml::de::Error::span).map(|span| line_around(&readable, span.start));
        match (stop, line) {
            (Some(stop), Some(line)) if errors.len() < STOPS_MAX && !readable[line.clone()].trim().is_empty() => {
                errors.push(stop);
                // The spans of the rest stay right because the length of the text does.
                readable.replace_range(line.clone(), &" ".repeat(line.len()));
            }
            _ => {
                let root = Node::root(table.get_ref());
                errors.extend(found);
                let faults = told_once(text, errors.iter().map(|error| Fault::new(text, &root, error)).collect());
                return Syntax { root, faults };
            }
        }
    }
}

/// Leaves one fault for each line, and none that only follows from a value that does not end.
fn told_once(text: &str, mut faults: Vec<Fault>) -> Vec<Fault> {
    faults.sort_by_key(|fault| (fault.span.start, std::cmp::Reverse(fault.broken.end)));
    let mut told: Vec<Fault> = Vec::new();
    for fault in faults {
        let is_known = told.last().is_some_and(|last| {
            last.broken.contains(&fault.span.start)
                || last.broken.end == fault.span.start && !last.broken.is_empty()
                || line_around(text, last.span.start) == line_around(text, fault.span.start)
        });
        if !is_known {
            told.push(fault);
        }
    }
    told
}

impl Fault {
    fn new(text: &str, root: &Node, error: &toml::de::Error) -> Self {
        let mut span = error.span().unwrap_or(0..0);
        let (mut message, mut expected) = error.message().split_once(", expected ").unwrap_or((error.message(), ""));
        if message == DUPLICATE {
            let name = text.get(span.clone()).unwrap_or_default();
            let message = format!("`{name}` is set twice");
            let help = String::from("keep one of the two: a setting is given once, and a table has one header");
            return Self { broken: span.start..span.start, span, message, help };
        }
        let mut broken = line_around(text, span.start);
        // Within a value of several lines, what follows the first mistake follows from it.
        if let Some(opened) = root.reaching(span.start).filter(|opened| !opened.is_spread(text)) {
            broken = broken.start.min(opened.span.start)..broken.end.max(opened.span.end);
            let is_one_line = line_around(text, opened.span.start).contains(&span.start);
            if message.starts_with("unexpected `=` in array") && !is_one_line {
                (message, expected) = ("unclosed array", "`]` before the next setting");
            }
            if message.starts_with("unclosed") || message.starts_with("invalid multi-line") {
                let first = text[opened.span.start..].chars().next().map_or(0, char::len_utf8);
                span = opened.span.start..opened.span.start + first;
            }
        }
        let help = match expected {
            "" => String::from("correct the line; a text is written in quotes, as in `name = \"orders\"`"),
            "literal string" => String::from("write the text in quotes, as in `name = \"orders\"`"),
            expected => format!("TOML expects {expected}"),
        };
        Self { span, broken, message: message.to_owned(), help }
    }
}

/// The line that an offset is on, without its end.
pub(super) fn line_around(text: &str, offset: usize) -> Range<usize> {
    let bytes = text.as_bytes();
    let offset = offset.min(bytes.len());
    let start = bytes[..offset].iter().rposition(|&byte| byte == b'\n').map_or(0, |newline| newline + 1);
    let end = bytes[offset..].iter().position(|&byte| byte == b'\n').map_or(bytes.len(), |newline| offset + newline);
    start..end
}

#[cfg(test)]
mod tests {
    use super::parse;
    use crate::config::setting::Step;

    /// The line and the message of each fault.
    fn faults(text: &str) -> Vec<(usize, String)> {
        let line = |offset: usize| text[..offset].matches('\n').count() + 1;
        parse(text).faults.into_iter().map(|fault| (line(fault.span.start), fault.message)).collect()
    }

    fn has(text: &str, key: &str) -> bool {
        parse(text).root.child(&Step::Key(key.to_owned())).is_some()
    }

    #[test]
    fn sound_text_has_no_faults() {
        assert_eq!(faults("a = 1\nb = {\n  c = [1,\n  2],\n}\n[d]\ne = 'x'\n"), []);
        assert_eq!(faults(""), []);
    }

    #[test]
    fn a_line_without_a_value_does_not_hide_the_next_mistake() {
        let text = "a 1\nb = 2\nc 3\nd = \"x\ne = 5\n";
        assert_eq!(faults(text).iter().map(|(line, _)| *line).collect::<Vec<_>>(), [1, 3, 4]);
        assert!(has(text, "b") && has(text, "e"));
    }

    #[test]
    fn a_value_that_does_not_end_is_told_once_and_where_it_begins() {
        assert_eq!(faults("a = 1\nb = [1,\nc = 2\n[d]\ne = 3\n"), [(2, String::from("unclosed array"))]);
        let closed_later = "a = 1\nb = [1,\nc = 2\n[d]\ne = [3]\n]\nf = 1\n";
        assert_eq!(faults(closed_later), [(2, String::from("unclosed array"))]);
        assert!(has(closed_later, "f"));
        assert_eq!(faults("a = 1\nb = \"\"\"x\nc = 2\n").iter().map(|(line, _)| *line).collect::<Vec<_>>(), [2]);
        assert_eq!(faults("a = 1\nb = { c = 1,\n d = 2\n"), [(2, String::from("unclosed inline table"))]);
    }

    #[test]
    fn a_repeated_key_and_a_repeated_table_are_told() {
        assert_eq!(faults("a = 1\na = 2\n"), [(2, String::from("`a` is set twice"))]);
        assert_eq!(faults("[a]\nb = 1\n[a]\nc = 1\n"), [(3, String::from("`a` is set twice"))]);
        assert_eq!(faults("[[a]]\nb = 1\n[[a]]\nb = 1\n"), []);
    }
}
