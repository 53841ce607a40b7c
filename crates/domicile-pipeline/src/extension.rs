//! What a column of text stands for, where databases have a type for it and Arrow has none. Arrow calls that an extension
//! type, and keeps its name with the field.
//!
//! Such a text goes through SQL as text. A column that is handed on as it is keeps its name, so that a home can make a
//! column of that type; what a function or a cast makes of it is text and no more.

use datafusion::arrow::datatypes::Field;

/// Where Arrow keeps the name. A cast in SQL removes it.
/// Source: <https://arrow.apache.org/docs/format/Columnar.html#extension-types>
const KEY: &str = "ARROW:extension:name";
/// Names of our own begin with this, as the format asks for.
const PREFIX: &str = "domicile.";

/// A UUID in its usual form, in lower case.
pub(crate) const UUID: &str = "uuid";
/// JSON as it was written.
pub(crate) const JSON: &str = "json";
/// JSON whose keys have no order.
pub(crate) const JSONB: &str = "jsonb";

/// The field as one whose text is of this type, by the name that PostgreSQL has for it.
pub(crate) fn extended(field: Field, name: &str) -> Field {
    field.with_metadata([(KEY.to_owned(), format!("{PREFIX}{name}"))].into())
}

/// The type that the field's text is of.
pub(crate) fn extension(field: &Field) -> Option<&str> {
    field.metadata().get(KEY)?.strip_prefix(PREFIX)
}

/// A field's type, for people.
pub(crate) fn shown(field: &Field) -> String {
    extension(field).map_or_else(|| field.data_type().to_string(), str::to_owned)
}

/// A UUID in its usual form, if the text is one: 32 digits in groups of 8, 4, 4, 4 and 12.
pub(crate) fn uuid(text: &str) -> Option<String> {
    const SHAPE: &[u8; 36] = b"xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
    let fits = |(byte, shape): (u8, &u8)| if *shape == b'-' { byte == b'-' } else { byte.is_ascii_hexdigit() };
    let is_uuid = text.len() == SHAPE.len() && text.bytes().zip(SHAPE).all(fits);
    is_uuid.then(|| text.to_ascii_lowercase())
}

/// The UUID that these sixteen bytes are.
pub(crate) fn uuid_of_bytes(bytes: &[u8]) -> Option<String> {
    let bytes: [u8; 16] = bytes.try_into().ok()?;
    let digits = format!("{:032x}", u128::from_be_bytes(bytes));
    let groups = [0..8, 8..12, 12..16, 16..20, 20..32].map(|group| &digits[group]);
    Some(groups.join("-"))
}

/// The bytes of a UUID in its usual form.
pub(crate) fn bytes_of_uuid(text: &str) -> Option<[u8; 16]> {
    let digits = uuid(text)?.replace('-', "");
    u128::from_str_radix(&digits, 16).ok().map(u128::to_be_bytes)
}

/// Whether a text is JSON.
pub(crate) fn is_json(text: &str) -> bool {
    serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::datatypes::DataType;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_field_says_what_its_text_is() {
        let plain = Field::new("id", DataType::Utf8, true);
        assert_eq!((extension(&plain), shown(&plain)), (None, String::from("Utf8")));
        let uuid = extended(plain, UUID);
        assert_eq!((extension(&uuid), shown(&uuid)), (Some("uuid"), String::from("uuid")));
        let others = Field::new("doc", DataType::Utf8, true).with_metadata([(KEY.into(), "arrow.json".into())].into());
        assert_eq!(extension(&others), None, "a name of somebody else's");
    }

    proptest! {
        #[test]
        fn a_uuid_is_its_bytes(bytes: [u8; 16]) {
            let text = uuid_of_bytes(&bytes).unwrap();
            prop_assert_eq!(uuid(&text), Some(text.clone()));
            prop_assert_eq!(uuid(&text.to_uppercase()), Some(text.clone()));
            prop_assert_eq!(bytes_of_uuid(&text), Some(bytes));
        }

        #[test]
        fn what_is_no_uuid_is_refused(text in "[0-9a-fg-]{30,40}") {
            prop_assert_eq!(uuid(&text).is_some(), bytes_of_uuid(&text).is_some());
        }
    }

    #[test]
    fn only_the_usual_form_is_a_uuid() {
        assert!(uuid("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11").is_some());
        for text in ["a0eebc999c0b4ef8bb6d6bb9bd380a11", "{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}", "", "é"] {
            assert_eq!(uuid(text), None, "{text}");
        }
        assert_eq!(uuid_of_bytes(&[0; 15]), None);
    }

    #[test]
    fn json_is_told_from_what_is_none() {
        for text in ["1", "null", r#"{"a":[1,"\u0000"]}"#, " [ ] "] {
            assert!(is_json(text), "{text}");
        }
        for text in ["", "{a:1}", "1 2", "NaN", "'a'"] {
            assert!(!is_json(text), "{text}");
        }
    }
}
