//! Records that are given as JSON, for a database whose columns have one type each.

use datafusion::arrow::datatypes::SchemaRef;
use serde_json::{Map, Value};

use super::column::Column;
use super::rows::Rows;
use crate::batch::{Batch, BatchLimit};
use crate::extension::{is_json, uuid};
use crate::text::{
    date_from_text, decimal_from_text, has_digits, instant_from_text, time_from_text, timestamp_from_text,
};

/// A batch of records that are given as JSON. A value that its column cannot hold is a defect of its record, as it is when
/// it was read; those of columns that are not read are left out. The error names the record and what is no value at all.
pub(super) fn given(schema: &SchemaRef, all: &SchemaRef, objects: &[Map<String, Value>]) -> Result<Batch, String> {
    let mut rows = Rows::new(schema, BatchLimit { rows: objects.len(), bytes: 0 });
    for (number, object) in objects.iter().enumerate() {
        let wrong = |name: &str, what: &str| format!("record {} of the input: `{name}` {what}", number + 1);
        if let Some(name) = object.keys().find(|name| all.index_of(name).is_err()) {
            return Err(wrong(name, "is no column of the source"));
        }
        for (column, field) in schema.fields().iter().enumerate() {
            let value = object.get(field.name()).unwrap_or(&Value::Null);
            if value.is_array() || value.is_object() {
                return Err(wrong(field.name(), "is a list or an object"));
            }
            if push(&mut rows.columns[column], value).is_none() {
                rows.columns[column].push_null();
                let reason = format!("the value given is not {}", rows.columns[column].name());
                rows.unfit(column, reason, value.clone(), value.to_string().len());
            }
        }
        rows.end();
    }
    Ok(rows.given(schema))
}

/// Takes a value, if it is one of the column's type. Numbers may be written as text, which keeps all of their digits.
fn push(column: &mut Column, value: &Value) -> Option<()> {
    if value.is_null() {
        column.push_null();
        return Some(());
    }
    if let Column::Bytes(builder) = column {
        let text = value.as_str()?;
        builder.append_value(from_hexadecimal(text).unwrap_or_else(|| text.as_bytes().to_vec()));
        return Some(());
    }
    push_text(column, &value.as_str().map_or_else(|| value.to_string(), str::to_owned))
}

/// The bytes that quarantine writes as `0x` and their digits.
pub(super) fn from_hexadecimal(text: &str) -> Option<Vec<u8>> {
    let digits = text.strip_prefix("0x").filter(|digits| digits.len().is_multiple_of(2))?;
    let byte = |at: usize| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok();
    (0..digits.len()).step_by(2).map(byte).collect()
}

/// Takes the text of a value, if it is one of the column's type.
pub(super) fn push_text(column: &mut Column, text: &str) -> Option<()> {
    match column {
        Column::Integer(builder) => builder.append_value(text.parse().ok()?),
        Column::Unsigned(builder) => builder.append_value(text.parse().ok()?),
        Column::Float(builder) => builder.append_value(text.parse().ok()?),
        Column::Text(builder) => builder.append_value(text),
        Column::Uuid(builder) => builder.append_value(uuid(text)?),
        Column::Json(builder) => builder.append_value(Some(text).filter(|text| is_json(text))?),
        Column::Bytes(builder) => builder.append_value(text),
        Column::Boolean(builder) => match text {
            "true" | "1" => builder.append_value(true),
            "false" | "0" => builder.append_value(false),
            _ => return None,
        },
        Column::Date(builder) => builder.append_value(date_from_text(text)?),
        Column::Time(builder) => builder.append_value(time_from_text(text)?),
        Column::Timestamp(builder) => builder.append_value(timestamp_from_text(text)?),
        Column::Instant(builder) => builder.append_value(instant_from_text(text)?),
        Column::Decimal { builder, precision, scale, .. } => {
            let unscaled = decimal_from_text(text, *scale)?;
            builder.append_value(Some(unscaled).filter(|unscaled| has_digits(*unscaled, *precision))?);
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::array::{Array, AsArray};
    use datafusion::arrow::datatypes::{DataType, Decimal128Type, Field, Int64Type, Schema};
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::database::each_type;
    use crate::quarantine::record_json;

    fn schema() -> SchemaRef {
        let fields = [("id", DataType::Int64), ("amount", DataType::Decimal128(12, 2)), ("day", DataType::Date32)];
        Arc::new(Schema::new(fields.map(|(name, data_type)| Field::new(name, data_type, true)).to_vec()))
    }

    fn of(value: Value) -> Result<Batch, String> {
        given(&schema(), &schema(), &[value.as_object().unwrap().clone()])
    }

    #[test]
    fn what_is_given_is_taken_exactly() {
        let batch = of(json!({"id": 7, "amount": "12.30", "day": "1970-01-02"})).unwrap();
        assert!(batch.defects.is_empty());
        assert_eq!(batch.records.column(0).as_primitive::<Int64Type>().value(0), 7);
        assert_eq!(batch.records.column(1).as_primitive::<Decimal128Type>().value(0), 1230);
        assert!(of(json!({})).unwrap().records.column(2).is_null(0));
    }

    #[test]
    fn what_does_not_fit_is_a_defect_and_what_is_no_value_is_told() {
        for (value, column) in [
            (json!({"id": "seven"}), 0),
            (json!({"amount": 12.345}), 1),
            (json!({"amount": 12_345_678_901.0}), 1),
            (json!({"day": "2024-02-30"}), 2),
        ] {
            let defects = of(value.clone()).unwrap().defects;
            assert_eq!(defects.iter().map(|defect| defect.column).collect::<Vec<_>>(), [column], "{value}");
        }
        assert!(of(json!({"ids": 7})).unwrap_err().contains("record 1 of the input: `ids` is no column"));
        assert!(of(json!({"id": [7]})).unwrap_err().contains("is a list"));
    }

    proptest! {
        #[test]
        fn what_quarantine_keeps_of_a_record_is_the_record(records in each_type::records()) {
            let kept: Vec<_> = (0..records.num_rows()).map(|row| record_json(&records, row, &[])).collect();
            let again = given(&each_type::schema(), &each_type::schema(), &kept).unwrap();
            assert!(again.defects.is_empty(), "{:?} of {:?}", again.defects, kept);
            each_type::assert_same(&records, &again.records);
        }
    }
}
