//! Columns as parameters of a statement: an array each, in PostgreSQL's binary format.

use std::error::Error;
use std::sync::Arc;

use bytes::{Buf, BufMut, BytesMut};
use datafusion::arrow::array::{ArrayRef, RecordBatch};
use datafusion::arrow::datatypes::{FieldRef, Schema};
use pgpq::ArrowToPostgresBinaryEncoder;
use pgpq::error::ErrorKind;
use tokio_postgres::types::{IsNull, Kind, ToSql, Type, to_sql_checked};

/// The number of fields and the length of a field, as a COPY has them.
const COUNT_BYTES: usize = 2;
const LENGTH_BYTES: usize = 4;

/// The values of a column.
#[derive(Debug)]
pub(super) struct Values {
    /// Each with its length in front, which is -1 for NULL.
    elements: BytesMut,
    count: i32,
    has_nulls: bool,
}

impl Values {
    /// The values as they are sent to a column of their type.
    pub(super) fn encode(field: &FieldRef, column: &ArrayRef) -> Result<Self, ErrorKind> {
        let schema = Arc::new(Schema::new(vec![Arc::clone(field)]));
        let mut encoder = ArrowToPostgresBinaryEncoder::try_new(&schema)?;
        let mut buffer = BytesMut::new();
        encoder.write_header(&mut buffer)?;
        buffer.clear();
        let rows =
            RecordBatch::try_new(schema, vec![Arc::clone(column)]).expect("the column has the type of its field");
        encoder.write_batch(&rows, &mut buffer)?;
        // A COPY counts the fields of each row, and an array does not.
        let mut elements = BytesMut::with_capacity(buffer.len());
        while buffer.remaining() >= COUNT_BYTES + LENGTH_BYTES {
            buffer.advance(COUNT_BYTES);
            let length = buffer.first_chunk().copied().map_or(-1, i32::from_be_bytes);
            let value = buffer.split_to(LENGTH_BYTES + usize::try_from(length).unwrap_or(0));
            elements.extend_from_slice(&value);
        }
        let count = i32::try_from(column.len()).expect("a batch has fewer than 2^31 rows");
        Ok(Self { elements, count, has_nulls: column.null_count() > 0 })
    }
}

impl ToSql for Values {
    /// Source: `array_recv` in <https://github.com/postgres/postgres/blob/master/src/backend/utils/adt/arrayfuncs.c>
    fn to_sql(&self, array: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        let Kind::Array(element) = array.kind() else { return Err("a column is sent as an array".into()) };
        let dimensions = i32::from(self.count > 0);
        out.put_i32(dimensions);
        out.put_i32(self.has_nulls.into());
        out.put_u32(element.oid());
        if self.count > 0 {
            out.put_i32(self.count);
            // The number of the first element.
            out.put_i32(1);
        }
        out.extend_from_slice(&self.elements);
        Ok(IsNull::No)
    }

    fn accepts(array: &Type) -> bool {
        matches!(array.kind(), Kind::Array(_))
    }

    to_sql_checked!();
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::{Int64Array, StringArray};
    use datafusion::arrow::datatypes::{DataType, Field};
    use tokio_postgres::types::FromSql;

    use super::*;

    fn encoded(data_type: DataType, column: ArrayRef, array: &Type) -> BytesMut {
        let field = Arc::new(Field::new("column", data_type, true));
        let mut out = BytesMut::new();
        Values::encode(&field, &column).unwrap().to_sql_checked(array, &mut out).unwrap();
        out
    }

    #[test]
    fn an_array_has_the_values_of_the_column() {
        let numbers = vec![Some(1), None, Some(-7)];
        let bytes = encoded(DataType::Int64, Arc::new(Int64Array::from(numbers.clone())), &Type::INT8_ARRAY);
        assert_eq!(Vec::<Option<i64>>::from_sql(&Type::INT8_ARRAY, &bytes).unwrap(), numbers);
        let texts = vec!["", "longer", "ñ"];
        let bytes = encoded(DataType::Utf8, Arc::new(StringArray::from(texts.clone())), &Type::TEXT_ARRAY);
        assert_eq!(Vec::<&str>::from_sql(&Type::TEXT_ARRAY, &bytes).unwrap(), texts);
        let none = encoded(DataType::Int64, Arc::new(Int64Array::from(Vec::<i64>::new())), &Type::INT8_ARRAY);
        assert!(Vec::<i64>::from_sql(&Type::INT8_ARRAY, &none).unwrap().is_empty());
    }
}
