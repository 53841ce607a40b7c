//! The values of the file as JSON, with what `${NAME}` stands for put in.

use serde_json::{Map, Value};

use super::environment::{Environment, substitute};
use super::findings::Findings;
use super::setting::SettingPath;
use super::tree::{Node, NodeValue};

/// The file as JSON. What cannot be read is reported and left out.
pub(super) fn values(findings: &mut Findings<'_>, environment: &Environment<'_>) -> Map<String, Value> {
    let document = findings.document;
    let NodeValue::Table(entries) = &document.root().value else { return Map::new() };
    Values { findings, environment }.table(entries, &SettingPath::root())
}

struct Values<'a, 'b> {
    findings: &'a mut Findings<'b>,
    environment: &'a Environment<'a>,
}

impl Values<'_, '_> {
    fn table(&mut self, entries: &[(String, Node)], at: &SettingPath) -> Map<String, Value> {
        let mut table = Map::new();
        for (key, node) in entries {
            if let Some(value) = self.value(node, &at.key(key)) {
                table.insert(key.clone(), value);
            }
        }
        table
    }

    fn value(&mut self, node: &Node, at: &SettingPath) -> Option<Value> {
        if self.findings.document.is_broken(node) {
            return None;
        }
        match &node.value {
            NodeValue::Text(text) => self.text(text, node, at).map(Value::from),
            NodeValue::Integer(Some(integer)) => Some(Value::from(*integer)),
            NodeValue::Integer(None) => self.refuse(at, "the number is too large", "write a number of up to 18 digits"),
            NodeValue::Float(float) if float.is_finite() => Some(Value::from(*float)),
            NodeValue::Float(_) => self.refuse(at, "the number is not finite", "write a number such as 1.5"),
            NodeValue::Boolean(boolean) => Some(Value::from(*boolean)),
            NodeValue::Date => self.refuse(at, "no setting takes a date", "if it is meant as text, put it in quotes"),
            NodeValue::Table(entries) => Some(Value::from(self.table(entries, at))),
            NodeValue::List(items) => {
                let values: Vec<_> =
                    items.iter().enumerate().map(|(index, item)| self.value(item, &at.index(index))).collect();
                // A list keeps all its items or none, so that each keeps its index.
                values.into_iter().collect::<Option<Vec<_>>>().map(Value::from)
            }
        }
    }

    fn text(&mut self, text: &str, node: &Node, at: &SettingPath) -> Option<String> {
        let unresolved = match substitute(text, self.environment) {
            Ok(text) => return Some(text),
            Err(unresolved) => unresolved,
        };
        let document = self.findings.document;
        for reference in unresolved {
            let written = document.text()[node.span.clone()].find(&reference.reference);
            let span = written.map_or(node.span.clone(), |offset| {
                let start = node.span.start + offset;
                start..start + reference.reference.len()
            });
            self.findings.problems.push(document.problem_at(at, span, reference.message).help(reference.help));
        }
        None
    }

    fn refuse(&mut self, at: &SettingPath, message: &str, help: &str) -> Option<Value> {
        self.findings.report(at, message, help);
        None
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde_json::{Value, json};

    use super::super::problems::Problems;
    use super::{Findings, values};
    use crate::config::Document;

    fn read(text: &str) -> (Value, Problems) {
        let (document, problems) = Document::parse(Path::new("d.toml"), text.to_owned());
        let mut findings = Findings::new(&document, Path::new("."), problems);
        let environment = |name: &str| (name == "DATA").then(|| String::from("/data"));
        (Value::from(values(&mut findings, &environment)), findings.problems)
    }

    #[test]
    fn sound_values_are_read_as_they_are() {
        let (value, problems) =
            read("a = 0x1F\nb = [1.5, true]\n[c]\nd = { e = '${DATA}/x' }\n[[f]]\n[[f]]\ng = \"\"\n");
        assert!(problems.is_empty(), "{problems}");
        assert_eq!(value, json!({"a": 31, "b": [1.5, true], "c": {"d": {"e": "/data/x"}}, "f": [{}, {"g": ""}]}));
    }

    #[test]
    fn what_cannot_be_read_is_reported_and_left_out() {
        let (value, problems) =
            read("a = nan\nb = 1979-05-27\nc = 99999999999999999999\nd = [\"${NO}\", 'x']\ne = 1\n");
        assert_eq!(value, json!({"e": 1}));
        assert_eq!(problems.iter().map(|problem| problem.line()).collect::<Vec<_>>(), [1, 2, 3, 4]);
    }

    #[test]
    fn a_missing_variable_is_pointed_at_where_it_stands() {
        let (_, problems) = read("sql = '''\nSELECT\n ${NO}'''\n");
        let problem = problems.iter().next().unwrap();
        assert_eq!((problem.line(), problem.column(), problem.setting().to_string()), (3, 2, String::from("sql")));
    }

    #[test]
    fn nothing_is_read_where_the_syntax_is_wrong() {
        let (value, problems) = read("a = 1\nb = [1 2]\nc = { d = 1\n");
        assert_eq!(value, json!({"a": 1}));
        assert_eq!(problems.len(), 2);
    }
}
