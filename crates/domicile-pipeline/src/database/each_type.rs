//! Records with a column of each type, for tests of what becomes of any value of it.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int64Array, RecordBatch,
    StringArray, Time64MicrosecondArray, TimestampMicrosecondArray, UInt64Array,
};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::strategy::BoxedStrategy;

use crate::extension::{JSON, UUID, extended, extension, uuid_of_bytes};
use crate::table::instant;
use crate::text::{DAY_MICROSECONDS, DAYS};

/// A column of each type, named by it.
pub(super) fn schema() -> SchemaRef {
    let plain = [
        DataType::Int64,
        DataType::UInt64,
        DataType::Float64,
        DataType::Boolean,
        DataType::Binary,
        DataType::Date32,
        DataType::Time64(TimeUnit::Microsecond),
        DataType::Timestamp(TimeUnit::Microsecond, None),
        instant(),
        DataType::Decimal128(12, 2),
        DataType::Decimal128(38, 10),
        DataType::Utf8,
    ];
    let plain = plain.into_iter().map(|data_type| Field::new(data_type.to_string(), data_type, true));
    let text = |name: &str| extended(Field::new(name, DataType::Utf8, true), name);
    Arc::new(Schema::new(plain.chain([text(UUID), text(JSON)]).collect::<Vec<_>>()))
}

/// Any records, of which some have no value in some columns.
pub(super) fn records() -> impl Strategy<Value = RecordBatch> {
    (1usize..4).prop_flat_map(|rows| {
        let columns: Vec<_> = schema().fields().iter().map(|field| column(field, rows)).collect();
        columns.prop_map(|columns| RecordBatch::try_new(schema(), columns).expect("each column has its field's type"))
    })
}

/// Any values of a column, and NULL.
fn column(field: &Field, rows: usize) -> BoxedStrategy<ArrayRef> {
    macro_rules! any_of {
        ($values:expr => $array:ty) => {
            vec(option::of($values), rows).prop_map(|values| Arc::new(<$array>::from_iter(values)) as ArrayRef).boxed()
        };
    }
    let decimal = |digits: u8| -10i128.pow(digits.into()) + 1..10i128.pow(digits.into());
    let time = (DAYS, 0..DAY_MICROSECONDS).prop_map(|(day, time)| i64::from(day) * DAY_MICROSECONDS + time);
    match (field.data_type().clone(), extension(field)) {
        (DataType::Int64, _) => any_of!(any::<i64>() => Int64Array),
        (DataType::UInt64, _) => any_of!(any::<u64>() => UInt64Array),
        (DataType::Float64, _) => any_of!(any::<f64>() => Float64Array),
        (DataType::Boolean, _) => any_of!(any::<bool>() => BooleanArray),
        (DataType::Binary, _) => any_of!(any::<Vec<u8>>() => BinaryArray),
        (DataType::Date32, _) => any_of!(DAYS => Date32Array),
        (DataType::Time64(_), _) => any_of!(0..DAY_MICROSECONDS => Time64MicrosecondArray),
        (data_type @ DataType::Timestamp(..), _) => vec(option::of(time), rows)
            .prop_map(move |times| {
                Arc::new(TimestampMicrosecondArray::from_iter(times).with_data_type(data_type.clone())) as ArrayRef
            })
            .boxed(),
        (data_type @ DataType::Decimal128(precision, _), _) => vec(option::of(decimal(precision)), rows)
            .prop_map(move |decimals| {
                Arc::new(Decimal128Array::from_iter(decimals).with_data_type(data_type.clone())) as ArrayRef
            })
            .boxed(),
        (_, Some(UUID)) => any_of!(any::<[u8; 16]>().prop_map(|bytes| uuid_of_bytes(&bytes).unwrap()) => StringArray),
        (_, Some(_)) => any_of!(any::<String>().prop_map(|text| serde_json::json!([text]).to_string()) => StringArray),
        _ => any_of!(any::<String>() => StringArray),
    }
}

/// That records are the same. One NaN is as good as another here.
pub(super) fn assert_same(one: &RecordBatch, other: &RecordBatch) {
    for ((field, one), other) in one.schema().fields().iter().zip(one.columns()).zip(other.columns()) {
        let shown = |array: &dyn Array| format!("{array:?}");
        assert!(one == other || shown(one) == shown(other), "{field}: {one:?} {other:?}");
    }
    assert_eq!(one.num_rows(), other.num_rows());
}
