//! What a fuzzer feeds: all that is made of the bytes that a server sends.

use datafusion::arrow::datatypes::{DataType, Field, TimeUnit};

use super::copy::Records;
use super::read::{Format, push, raw};
use crate::database::column::Column;
use crate::extension::{JSON, UUID, extended};
use crate::table::instant;

/// A record of a table has no more columns here.
const MOST_COLUMNS: usize = 16;

/// What became of the bytes.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Copied {
    /// Records that were whole.
    pub records: usize,
    /// Values that did not fit their columns.
    pub unfit: usize,
    /// Why the rest is no COPY, if it is none.
    pub broken: Option<String>,
}

/// Reads bytes as the COPY of a source. The first says how many columns it has, one for each of them what it is, and one
/// in how large pieces the rest comes.
#[must_use]
pub fn fuzz_copy(bytes: &[u8]) -> Copied {
    let mut copied = Copied::default();
    let Some((count, bytes)) = bytes.split_first() else { return copied };
    let Some((kinds, bytes)) = bytes.split_at_checked(usize::from(*count) % MOST_COLUMNS) else { return copied };
    let Some((piece, bytes)) = bytes.split_first() else { return copied };
    let mut columns: Vec<_> = kinds.iter().map(|kind| column(*kind)).collect();
    let mut records = Records::new(columns.len());
    for piece in bytes.chunks(usize::from(*piece) + 1) {
        records.push(piece);
        if let Err(why) = read(&mut records, &mut columns, &mut copied) {
            copied.broken = Some(why);
            break;
        }
    }
    columns.iter_mut().for_each(|(column, _)| drop(column.finish()));
    copied
}

fn read(records: &mut Records, columns: &mut [(Column, Format)], copied: &mut Copied) -> Result<(), String> {
    while let Some(record) = records.next()? {
        for ((column, format), value) in columns.iter_mut().zip(record.values()) {
            if push(column, *format, value).is_err() {
                drop(raw(column, *format, value));
                copied.unfit += 1;
            }
        }
        copied.records += 1;
    }
    Ok(())
}

fn column(kind: u8) -> (Column, Format) {
    let format = if kind < 128 { Format::Binary } else { Format::Text };
    let text = || Field::new("value", DataType::Utf8, true);
    let plain = |data_type| Field::new("value", data_type, true);
    let field = match kind % 14 {
        0 => plain(DataType::Int64),
        1 => plain(DataType::UInt64),
        2 => plain(DataType::Float64),
        3 => plain(DataType::Boolean),
        4 => plain(DataType::Binary),
        5 => plain(DataType::Date32),
        6 => plain(DataType::Time64(TimeUnit::Microsecond)),
        7 => plain(DataType::Timestamp(TimeUnit::Microsecond, None)),
        8 => plain(instant()),
        9 => plain(DataType::Decimal128(12, 2)),
        10 => plain(DataType::Decimal128(38, 10)),
        11 => extended(text(), UUID),
        12 => extended(text(), JSON),
        _ => text(),
    };
    (Column::with_capacity(&field, 0, 0), format)
}
