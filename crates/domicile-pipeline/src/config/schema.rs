//! The JSON schema of the file, for editors and for the check of the file's shape.

use schemars::transform::{RecursiveTransform, Transform};
use schemars::{Schema, SchemaGenerator};
use serde_json::Value;

use super::file::File;

/// The JSON schema of a configuration file. It is made of the structs that the file is read into; the copy in
/// `schema/domicile.schema.json` is what a `#:schema` line at the top of a file may name.
#[must_use]
pub fn json_schema() -> Value {
    let mut schema = SchemaGenerator::default().into_root_schema_for::<File>();
    RecursiveTransform(without_null).transform(&mut schema);
    RecursiveTransform(without_line_breaks).transform(&mut schema);
    // A schema is serialized with its keywords in the usual order.
    serde_json::to_value(&schema).expect("a schema is JSON")
}

/// A comment is broken at the width of the source code; an editor breaks it at its own.
fn without_line_breaks(schema: &mut Schema) {
    if let Some(Value::String(description)) = schema.get_mut("description") {
        let paragraphs: Vec<_> = description.split("\n\n").map(|paragraph| paragraph.replace('\n', " ")).collect();
        *description = paragraphs.join("\n\n");
    }
}

/// TOML has no null: a setting that may be absent is not one that may be null.
fn without_null(schema: &mut Schema) {
    if let Some(Value::Array(types)) = schema.get_mut("type") {
        types.retain(|name| name != "null");
        if let [one] = types.as_slice() {
            let one = one.clone();
            schema.insert(String::from("type"), one);
        }
    }
    let Some(Value::Array(choices)) = schema.get_mut("anyOf") else { return };
    choices.retain(|choice| choice["type"] != "null");
    if let [Value::Object(one)] = choices.as_mut_slice() {
        let one = std::mem::take(one);
        schema.remove("anyOf");
        for (keyword, value) in one {
            schema.insert(keyword, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::json_schema;

    #[test]
    fn the_schema_that_is_checked_in_is_the_one_of_the_structs() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schema/domicile.schema.json");
        let generated = serde_json::to_string_pretty(&json_schema()).unwrap() + "\n";
        if std::env::var_os("DOMICILE_UPDATE_SCHEMA").is_some_and(|value| value == "1") {
            std::fs::write(&path, &generated).unwrap();
        }
        let checked_in = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(checked_in, generated, "run the tests with DOMICILE_UPDATE_SCHEMA=1 to rewrite {}", path.display());
    }

    #[test]
    fn every_setting_is_described_and_none_may_be_null() {
        let schema = json_schema();
        assert!(!schema.to_string().contains("\"null\""));
        let tables = schema["$defs"].as_object().unwrap().values().chain([&schema]);
        for (name, setting) in tables.filter_map(|table| table["properties"].as_object()).flatten() {
            assert!(setting["description"].is_string(), "{name}");
        }
    }
}
