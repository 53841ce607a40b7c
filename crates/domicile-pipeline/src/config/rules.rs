//! What the JSON schema says of a setting.

use serde_json::{Map, Value};

use super::findings::{listed, meant};
use super::setting::SettingPath;
use super::wording::{assignment, in_words, kind_of};

/// The schema of a file.
#[derive(Clone, Copy)]
pub(super) struct Rules<'a> {
    root: &'a Value,
}

impl<'a> Rules<'a> {
    pub(super) fn new(root: &'a Value) -> Self {
        Self { root }
    }

    /// The schema that applies to a value: references followed, and of several the one for the value's type.
    pub(super) fn schema_for(self, value: &Value, said: &'a Value) -> Option<&'a Value> {
        let said = self.followed(said);
        match said["anyOf"].as_array() {
            Some(choices) => choices.iter().find_map(|choice| self.schema_for(value, choice)),
            None => is_of(value, said["type"].as_str()).then_some(said),
        }
    }

    /// The types that a setting may have, in words.
    pub(super) fn kinds(self, said: &'a Value) -> Vec<&'static str> {
        let said = self.followed(said);
        match said["anyOf"].as_array() {
            Some(choices) => choices.iter().flat_map(|choice| self.kinds(choice)).collect(),
            None => vec![in_words(said["type"].as_str().unwrap_or("string"))],
        }
    }

    /// What to do about a name that is not among the settings of its table.
    pub(super) fn help_for_unknown(self, name: &str, settings: &Value) -> String {
        if let Some(name) = meant(name, names(settings)) {
            return format!("did you mean `{name}`?");
        }
        let top = &self.root["properties"];
        if top.get(name).is_some() {
            return format!("`{name}` belongs at the top of the file, above the first `[table]`");
        }
        match names(top).find(|table| self.followed(&top[table])["properties"].get(name).is_some()) {
            Some(table) => format!("`{name}` belongs in `[{table}]`"),
            None => format!("the settings here are {}", listed(names(settings))),
        }
    }

    /// What to do about a setting that is missing.
    pub(super) fn help_for_missing(self, setting: &SettingPath, said: &'a Value) -> String {
        if self.lists_tables(said) {
            return format!("add a `[[{}]]` table", setting.header());
        }
        let is_at_top = setting.steps().len() == 1;
        match assignment(setting, said) {
            Some(assignment) if is_at_top => format!("add it at the top of the file, as in `{assignment}`"),
            Some(assignment) => format!("add it, as in `{assignment}`"),
            None => String::from("add it"),
        }
    }

    /// Whether a setting is a list of tables, each with a header of its own.
    pub(super) fn lists_tables(self, said: &'a Value) -> bool {
        self.followed(&self.followed(said)["items"])["type"] == "object"
    }

    /// What a `$ref` refers to.
    fn followed(self, said: &'a Value) -> &'a Value {
        match said["$ref"].as_str().and_then(|reference| self.root.pointer(reference.trim_start_matches('#'))) {
            Some(definition) => self.followed(definition),
            None => said,
        }
    }
}

/// A help that shows how the setting may be written.
pub(super) fn example(setting: &SettingPath, said: &Value) -> String {
    match assignment(setting, said) {
        Some(assignment) => format!("write it as in `{assignment}`"),
        None if said["type"] == "string" => String::from("write a text in quotes"),
        None => String::from("correct it, or remove it"),
    }
}

/// The names in a schema's `properties`.
fn names(settings: &Value) -> impl Iterator<Item = &str> {
    settings.as_object().into_iter().flat_map(Map::keys).map(String::as_str)
}

fn is_of(value: &Value, type_name: Option<&str>) -> bool {
    match type_name {
        Some("number") => value.is_number(),
        Some(name) => kind_of(value) == name,
        // Only a choice of texts has no type of its own.
        None => value.is_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Rules;

    #[test]
    fn of_several_schemas_the_one_for_the_type_applies() {
        let root = json!({"$defs": {"Text": {"type": "string", "n": 1}, "List": {"type": "array", "n": 2}}});
        let said = json!({"anyOf": [{"$ref": "#/$defs/Text"}, {"$ref": "#/$defs/List"}, {"type": "number", "n": 3}]});
        let rules = Rules::new(&root);
        for (value, expected) in [(json!("x"), Some(1)), (json!([]), Some(2)), (json!(1), Some(3)), (json!({}), None)] {
            let chosen = rules.schema_for(&value, &said).and_then(|schema| schema["n"].as_i64());
            assert_eq!(chosen, expected, "{value}");
        }
        assert_eq!(rules.kinds(&said), ["a text", "a list", "a number"]);
    }
}
