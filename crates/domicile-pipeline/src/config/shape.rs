//! Checks the shape of the file against its JSON schema: unknown and missing settings, types and bounds.

use serde_json::{Map, Value};

use super::findings::{Findings, listed, meant};
use super::rules::{Rules, example};
use super::setting::SettingPath;
use super::wording::{in_words, kind_of};

/// Reports what the schema refuses and takes it out, so that the rest can still be read and checked.
pub(super) fn keep_valid(table: &mut Map<String, Value>, schema: &Value, findings: &mut Findings<'_>) {
    Shape { rules: Rules::new(schema), findings }.table(table, schema, &SettingPath::root());
}

struct Shape<'a, 'b> {
    rules: Rules<'a>,
    findings: &'a mut Findings<'b>,
}

impl<'a> Shape<'a, '_> {
    /// Whether the value, or what is left of it, is valid.
    fn value(&mut self, value: &mut Value, said: &'a Value, at: &SettingPath) -> bool {
        let Some(schema) = self.rules.schema_for(value, said) else {
            let (wanted, found) = (self.rules.kinds(said).join(" or "), in_words(kind_of(value)));
            let help = if value.is_object() && self.rules.lists_tables(said) {
                format!("write `[[{0}]]` in place of `[{0}]`: there may be several", at.header())
            } else {
                example(at, said)
            };
            self.findings.report(at, format!("`{at}` must be {wanted}, not {found}"), help);
            return false;
        };
        match value {
            Value::Object(table) => {
                self.table(table, schema, at);
                true
            }
            Value::Array(items) => self.list(items, schema, at),
            Value::String(text) => self.text(text, schema, at),
            Value::Number(number) => self.number(number.as_f64().unwrap_or_default(), schema, at),
            Value::Bool(_) | Value::Null => true,
        }
    }

    fn table(&mut self, table: &mut Map<String, Value>, schema: &'a Value, at: &SettingPath) {
        let (settings, others) =
            (&schema["properties"], schema.get("additionalProperties").filter(|said| said.is_object()));
        table.retain(|key, value| match settings.get(key).or(others) {
            Some(said) => self.value(value, said, &at.key(key)),
            None => {
                let help = self.rules.help_for_unknown(key, settings);
                self.findings.report_name(&at.key(key), format!("unknown setting `{key}`"), help);
                false
            }
        });
        for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            let setting = at.key(name);
            // What the file holds but was taken out has been reported already.
            if !table.contains_key(name) && !self.findings.document.holds(&setting) {
                let help = self.rules.help_for_missing(&setting, &schema["properties"][name]);
                self.findings.report_missing(at, format!("missing setting `{name}`"), help);
            }
        }
    }

    fn list(&mut self, items: &mut [Value], schema: &'a Value, at: &SettingPath) -> bool {
        if schema["minItems"].as_u64().is_some_and(|least| (items.len() as u64) < least) {
            let help = self.rules.help_for_missing(at, schema);
            self.findings.report(at, format!("`{at}` is empty"), help);
            return false;
        }
        let mut is_valid = true;
        for (index, item) in items.iter_mut().enumerate() {
            is_valid &= self.value(item, &schema["items"], &at.index(index));
        }
        is_valid
    }

    fn text(&mut self, text: &str, schema: &'a Value, at: &SettingPath) -> bool {
        if schema["minLength"].is_u64() && text.trim().is_empty() {
            self.findings.report(at, format!("`{at}` is empty"), example(at, schema));
            return false;
        }
        let Some(choices) = schema["oneOf"].as_array() else { return true };
        let names = || choices.iter().filter_map(|choice| choice["const"].as_str());
        if names().any(|name| name == text) {
            return true;
        }
        let shown = self.findings.document.shown(at);
        let help = match meant(shown, names()) {
            Some(name) => format!("did you mean `{name}`? The choices are {}", listed(names())),
            None => format!("the choices are {}", listed(names())),
        };
        self.findings.report(at, format!("`{at}` cannot be `{shown}`"), help);
        false
    }

    fn number(&mut self, number: f64, schema: &'a Value, at: &SettingPath) -> bool {
        let (least, most) = (&schema["minimum"], &schema["maximum"]);
        let is_low = least.as_f64().is_some_and(|least| number < least);
        let is_high = most.as_f64().is_some_and(|most| number > most);
        if is_low || is_high {
            let shown = self.findings.document.shown(at);
            let (bound, limit) = if is_low { ("least", least) } else { ("most", most) };
            let message = format!("`{at}` must be at {bound} {limit}, but is {shown}");
            self.findings.report(at, message, format!("write a number from {least} to {most}"));
        }
        !is_low && !is_high
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde_json::{Map, Value, json};

    use super::{Findings, keep_valid};
    use crate::config::{Document, json_schema, value::values};

    /// What is left of a text, and its problems as they are displayed without the file's name.
    fn checked(text: &str) -> (Map<String, Value>, Vec<String>) {
        let (document, problems) = Document::parse(Path::new("d"), text.to_owned());
        let mut findings = Findings::new(&document, Path::new("."), problems);
        let mut table = values(&mut findings, &|_| None);
        keep_valid(&mut table, &json_schema(), &mut findings);
        let told = findings.problems.iter().map(|problem| {
            format!("{}:{}: {} | {}", problem.line(), problem.column(), problem.message(), problem.help_text().unwrap())
        });
        (table, told.collect())
    }

    const SOUND: &str = "\
control = 'sqlite:c'
homes = { es = 'ES', fr = ['FR', 'MC'], de = { url = 'sqlite:de', keys = 'DE' } }
[delivery]
commit_seconds = 2
[[source]]
url = 'sqlite:s'
cursor = 'id'
key = 'c'
columns = { a = 'text' }
[[source.analyser]]
into = 'o'
sql = 'SELECT 1'
key = 'id'
write = 'merge'
";

    #[test]
    fn a_sound_file_is_left_as_it_is() {
        let (table, told) = checked(SOUND);
        assert!(told.is_empty(), "{told:?}");
        assert_eq!(table["source"][0]["columns"], json!({"a": "text"}));
        assert!(checked(&SOUND.replace("es = 'ES'", "'es' = 'ES'")).1.is_empty());
    }

    #[test]
    fn an_unknown_setting_is_told_with_what_is_likely_meant() {
        for (from, to, expected) in [
            ("control =", "contrl = ''\ncontrol =", "1:1: unknown setting `contrl` | did you mean `control`?"),
            ("homes =", "rows = 5\nhomes =", "2:1: unknown setting `rows` | `rows` belongs in `[batch]`"),
            (
                "commit_seconds",
                "control = 'x'\ncommit_seconds",
                "4:1: unknown setting `control` | `control` belongs at the top of the file, above the first `[table]`",
            ),
            (
                "write = 'merge'",
                "colour = 1",
                "14:1: unknown setting `colour` | the settings here are `name`, `into`, `sql`, `key`, `write`",
            ),
        ] {
            assert_eq!(checked(&SOUND.replacen(from, to, 1)).1, [expected]);
        }
    }

    #[test]
    fn a_missing_setting_is_told_where_it_should_be() {
        for (from, to, expected) in [
            (
                "control = 'sqlite:c'",
                "",
                "1:1: missing setting `control` | add it at the top of the file, as in `control = \
                 \"sqlite:control.sqlite\"`",
            ),
            ("cursor = 'id'", "", "5:1: missing setting `cursor` | add it, as in `cursor = \"id\"`"),
            (", keys = 'DE'", "", "2:46: missing setting `keys` | add it, as in `keys = [\"DE\", \"AT\"]`"),
        ] {
            assert_eq!(checked(&SOUND.replacen(from, to, 1)).1, [expected]);
        }
        let (table, told) = checked("control = 'c'\nhomes = []\n[[source]]\nurl = 's'\ncursor = 'i'\nkey = 'k'\n");
        assert_eq!(told, ["3:1: missing setting `analyser` | add a `[[source.analyser]]` table"]);
        assert_eq!(table["homes"], json!([]));
    }

    #[test]
    fn a_wrong_type_is_told_and_taken_out() {
        for (from, to, expected) in [
            (
                "'sqlite:c'",
                "5",
                "1:11: `control` must be a text, not a whole number | write it as in `control = \
                 \"sqlite:control.sqlite\"`",
            ),
            (
                "commit_seconds = 2",
                "commit_rows = 1.5",
                "4:15: `delivery.commit_rows` must be a whole number, not a number | write it as in \
                 `commit_rows = 100000`",
            ),
            (
                "es = 'ES'",
                "es = true",
                "2:16: `homes.es` must be a text or a list or a table, not true or false | correct it, or remove it",
            ),
            (
                "{ a = 'text' }",
                "{ a = 1 }",
                "9:17: `source[0].columns.a` must be a text, not a whole number | write a text in quotes",
            ),
            (
                "['FR', 'MC']",
                "['FR', 7]",
                "2:34: `homes.fr[1]` must be a text, not a whole number | write a text in quotes",
            ),
        ] {
            assert_eq!(checked(&SOUND.replacen(from, to, 1)).1, [expected]);
        }
        assert!(checked(&SOUND.replacen("'MC'", "7", 1)).0["homes"].get("fr").is_none());
    }

    #[test]
    fn a_table_where_there_may_be_several_is_told_with_its_brackets() {
        let analyser = SOUND.replace("[[source.analyser]]", "[source.analyser]");
        let expected = "10:1: `source[0].analyser` must be a list, not a table | write `[[source.analyser]]` in place of \
                        `[source.analyser]`: there may be several";
        assert_eq!(checked(&analyser).1, [expected]);
        let expected = "5:1: `source` must be a list, not a table | write `[[source]]` in place of `[source]`: there may be several";
        assert_eq!(checked(&analyser.replace("[[source]]", "[source]")).1, [expected]);
    }

    #[test]
    fn bounds_and_choices_are_told() {
        for (from, to, expected) in [
            (
                "commit_seconds = 2",
                "open_homes = 0",
                "4:14: `delivery.open_homes` must be at least 1, but is 0 | write a number from 1 to 10000",
            ),
            (
                "commit_seconds = 2",
                "commit_seconds = 4e3",
                "4:18: `delivery.commit_seconds` must be at most 3600.0, but is 4e3 | write a number from 0.01 \
                 to 3600.0",
            ),
            (
                "'merge'",
                "'merg'",
                "14:9: `source[0].analyser[0].write` cannot be `merg` | did you mean `merge`? The choices are \
                 `insert`, `replace`, `merge`",
            ),
            (
                "'SELECT 1'",
                "' '",
                "12:7: `source[0].analyser[0].sql` is empty | write it as in `sql = \"SELECT id, country FROM \
                 record\"`",
            ),
        ] {
            assert_eq!(checked(&SOUND.replacen(from, to, 1)).1, [expected]);
        }
        assert_eq!(
            checked("control = 'c'\nhomes = []\nsource = []\n").1,
            ["3:10: `source` is empty | add a `[[source]]` table"]
        );
    }
}
