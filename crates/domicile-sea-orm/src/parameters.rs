//! Routing keys in the parameters of a statement.

use domicile::RoutingKey;
use domicile_sqlx::Parameters;
use sea_orm::sea_query::OptionEnum;
use sea_orm::{Value, Values};

/// The parameters of a statement of SeaORM.
pub(crate) struct Bound<'a>(pub(crate) Option<&'a Values>);

impl Parameters for Bound<'_> {
    fn key(&self, index: usize) -> Option<RoutingKey> {
        key(self.0?.0.get(index)?)
    }
}

/// A value as a routing key: as the text that it is, or that a literal of it would be.
fn key(value: &Value) -> Option<RoutingKey> {
    let text = match value {
        Value::String(Some(text)) => return Some(RoutingKey::new(text.as_str())),
        Value::Enum(OptionEnum::Some(value)) => value.value.to_string(),
        Value::Char(Some(character)) => character.to_string(),
        Value::Bool(Some(value)) => value.to_string(),
        Value::TinyInt(Some(number)) => number.to_string(),
        Value::SmallInt(Some(number)) => number.to_string(),
        Value::Int(Some(number)) => number.to_string(),
        Value::BigInt(Some(number)) => number.to_string(),
        Value::TinyUnsigned(Some(number)) => number.to_string(),
        Value::SmallUnsigned(Some(number)) => number.to_string(),
        Value::Unsigned(Some(number)) => number.to_string(),
        Value::BigUnsigned(Some(number)) => number.to_string(),
        Value::Uuid(Some(uuid)) => uuid.to_string(),
        _ => return None,
    };
    Some(RoutingKey::new(text))
}

#[cfg(test)]
mod tests {
    use super::key;
    use sea_orm::Value;

    #[test]
    fn texts_and_whole_numbers_are_keys_and_other_values_are_not() {
        let named = |value: Value| key(&value).map(|key| key.to_string());
        assert_eq!(named("ES".into()).as_deref(), Some("ES"));
        assert_eq!(named(7_i64.into()).as_deref(), Some("7"));
        assert_eq!(named((-7_i32).into()).as_deref(), Some("-7"));
        assert_eq!(named(7_u64.into()).as_deref(), Some("7"));
        assert_eq!(named('x'.into()).as_deref(), Some("x"));
        for other in [Value::String(None), Value::BigInt(None), 7.0_f64.into(), vec![1_u8].into()] {
            assert_eq!(named(other), None);
        }
    }
}
