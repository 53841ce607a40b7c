//! How types and examples of the schema are put in words.

use serde_json::Value;

use super::setting::{Key, SettingPath};

/// The name that a JSON schema has for the type of a value.
pub(super) fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// A schema's type in words.
pub(super) fn in_words(kind: &str) -> &'static str {
    match kind {
        "boolean" => "true or false",
        "integer" => "a whole number",
        "number" => "a number",
        "array" => "a list",
        "object" => "a table",
        _ => "a text",
    }
}

/// The setting as a line of the file, with the example or the default of its schema.
pub(super) fn assignment(setting: &SettingPath, schema: &Value) -> Option<String> {
    let value = schema["examples"].get(0).or_else(|| schema.get("default"))?;
    Some(format!("{} = {}", Key(setting.last_key()?), toml_of(value)))
}

fn toml_of(value: &Value) -> String {
    match value {
        Value::Array(items) => format!("[{}]", items.iter().map(toml_of).collect::<Vec<_>>().join(", ")),
        Value::Object(entries) => {
            let entries: Vec<_> =
                entries.iter().map(|(key, value)| format!("{} = {}", Key(key), toml_of(value))).collect();
            format!("{{ {} }}", entries.join(", "))
        }
        scalar => scalar.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{SettingPath, assignment};

    #[test]
    fn examples_and_defaults_are_written_as_toml() {
        let setting = SettingPath::root().key("source").index(0).key("columns");
        for (schema, expected) in [
            (json!({"examples": [{"a b": "text", "c": 1}]}), Some("columns = { \"a b\" = \"text\", c = 1 }")),
            (json!({"examples": [["x", "y"]], "default": 1}), Some("columns = [\"x\", \"y\"]")),
            (json!({"default": 1.5}), Some("columns = 1.5")),
            (json!({}), None),
        ] {
            assert_eq!(assignment(&setting, &schema).as_deref(), expected);
        }
    }
}
