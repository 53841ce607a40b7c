//! The fields that a Rust type takes of a record, as serde tells them.

use serde::de::value::Error;
use serde::de::{DeserializeOwned, Deserializer, Error as _, Visitor};
use serde::forward_to_deserialize_any;

/// The names of the fields of a struct; `None` for a type that takes whatever there is, as a map does.
pub(super) fn fields<R: DeserializeOwned>() -> Option<&'static [&'static str]> {
    let mut found = None;
    // It asks for its fields first, and is answered with an error.
    let _ = R::deserialize(Asked(&mut found));
    found
}

struct Asked<'a>(&'a mut Option<&'static [&'static str]>);

impl<'de> Deserializer<'de> for Asked<'_> {
    type Error = Error;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Error> {
        *self.0 = Some(fields);
        Err(Error::custom("it is only asked"))
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
        Err(Error::custom("it is only asked"))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct seq
        tuple tuple_struct map enum identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;

    use super::fields;

    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    #[expect(dead_code, reason = "only the names matter")]
    struct Order {
        id: i64,
        #[serde(alias = "client")]
        customer_name: Option<String>,
        #[serde(skip)]
        skipped: i64,
    }

    #[derive(Deserialize)]
    #[expect(dead_code, reason = "only the names matter")]
    struct Wrapped(Order);

    #[derive(Deserialize)]
    #[expect(dead_code, reason = "only the names matter")]
    struct Open {
        id: i64,
        #[serde(flatten)]
        rest: BTreeMap<String, String>,
    }

    #[test]
    fn a_struct_tells_its_fields_and_what_takes_anything_tells_none() {
        let mut names = fields::<Order>().unwrap().to_vec();
        names.sort_unstable();
        assert_eq!(names, ["client", "customerName", "id"]);
        assert_eq!(fields::<Wrapped>(), fields::<Order>());
        assert_eq!(fields::<Open>(), None);
        assert_eq!(fields::<BTreeMap<String, i64>>(), None);
        assert_eq!(fields::<(i64, String)>(), None);
    }
}
