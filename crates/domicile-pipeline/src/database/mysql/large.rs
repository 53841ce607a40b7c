//! Records that are larger than the server's `max_allowed_packet`.
//!
//! The server sends them all the same, and the client, which keeps to that bound for the sake of its memory, takes none: the
//! connection is lost, and where the record stands is not known. So the records are asked for once more, and of a record that
//! is too large come the sizes of its long values in their place.

use mysql_async::consts::ColumnType as Wire;
use mysql_async::{Column, Error, IoError, Row};
use serde_json::json;

use super::quote;
use super::types::BINARY;
use crate::database::rows::Rows;

/// What the client says of a packet that it does not take, which it tells by nothing else.
const NOT_TAKEN: &str = "Packet is larger than max_allowed_packet";
/// What a server says that does not send it.
const NOT_SENT: u16 = 1153;

/// What a value takes besides its bytes, or as a whole where it is a number or a time, and its size when that is sent, too.
const VALUE_BYTES: usize = 128;

/// The size of a record, as a column beside those of what is read: no column of a program has this name.
const RECORD_BYTES: &str = "`the bytes of a domicile record`";

/// Whether a record is too large to be read.
pub(super) fn is_too_large(error: &Error) -> bool {
    match error {
        Error::Io(IoError::Io(error)) => error.to_string() == NOT_TAKEN,
        Error::Server(server) => server.code == NOT_SENT,
        _ => false,
    }
}

/// In how many bytes what is selected of a column is sent, as SQL; nothing for what is never long.
pub(super) fn sent_bytes(column: &Column, selected: &str) -> Option<String> {
    let is_long = matches!(
        column.column_type(),
        Wire::MYSQL_TYPE_TINY_BLOB
            | Wire::MYSQL_TYPE_MEDIUM_BLOB
            | Wire::MYSQL_TYPE_LONG_BLOB
            | Wire::MYSQL_TYPE_BLOB
            | Wire::MYSQL_TYPE_VARCHAR
            | Wire::MYSQL_TYPE_VAR_STRING
            | Wire::MYSQL_TYPE_STRING
            | Wire::MYSQL_TYPE_JSON
            | Wire::MYSQL_TYPE_GEOMETRY
    );
    let is_translated = column.character_set() != BINARY && selected == quote(&column.name_str());
    // What is made of a text that is too long is NULL.
    let unsent = format!("greatest(OCTET_LENGTH({selected}), @@max_allowed_packet + 1)");
    let bytes = match is_translated {
        true => format!("coalesce(OCTET_LENGTH(CONVERT({selected} USING utf8mb4)), {unsent}, 0)"),
        false => format!("coalesce(OCTET_LENGTH({selected}), 0)"),
    };
    is_long.then_some(bytes)
}

/// What is asked for.
pub(super) struct Asked {
    pub(super) columns: String,
    pub(super) relation: String,
    /// The columns whose sizes follow the columns where they are too long, which are NULL then.
    long: Vec<usize>,
    most_bytes: usize,
}

impl Asked {
    /// The records as they are.
    pub(super) fn whole(selected: &[String], relation: &str) -> Self {
        Self { columns: selected.join(", "), relation: relation.to_owned(), long: Vec::new(), most_bytes: usize::MAX }
    }

    /// The records, and of those that are larger than the server's bound only what is left when no value has more than
    /// its part of it. `bytes` are their sizes, by column.
    pub(super) fn bounded(selected: &[String], bytes: &[Option<String>], relation: &str, most_bytes: usize) -> Self {
        let long: Vec<_> = (0..bytes.len()).filter(|&column| bytes[column].is_some()).collect();
        let most = most_bytes.saturating_sub(VALUE_BYTES * selected.len());
        // Of values that are too many bytes together one at least has more than this.
        let part = most / long.len().max(1);
        let is_too_long = |bytes: &str| format!("{RECORD_BYTES} > {most} AND {bytes} > {part}");
        let value = |(selected, bytes): (&String, &Option<String>)| match bytes {
            Some(bytes) => format!("IF({}, NULL, {selected})", is_too_long(bytes)),
            None => selected.clone(),
        };
        let values = selected.iter().zip(bytes).map(value);
        let sizes = bytes.iter().flatten().map(|bytes| format!("IF({}, {bytes}, NULL)", is_too_long(bytes)));
        let record_bytes: Vec<_> = bytes.iter().flatten().map(String::as_str).chain(["0"]).collect();
        Self {
            columns: values.chain(sizes).collect::<Vec<_>>().join(", "),
            relation: format!(
                "(SELECT *, {} AS {RECORD_BYTES} FROM {relation}) AS sized_record",
                record_bytes.join(" + ")
            ),
            long,
            most_bytes,
        }
    }

    /// Takes the sizes of what is too long as defects of the record, whose values have been taken.
    pub(super) fn push_sizes(&self, rows: &mut Rows, record: &Row) {
        let first = rows.columns.len();
        for (place, &column) in self.long.iter().enumerate() {
            if let Some(bytes) = record.get::<Option<u64>, _>(first + place).flatten() {
                let reason = format!(
                    "its {bytes} bytes are not read, because the record is larger than the max_allowed_packet of the source's \
                     server, which is {}",
                    self.most_bytes
                );
                // In place of a value that is nowhere but in the source, so that nobody takes it for NULL.
                rows.unfit(column, reason, json!({ "bytes": bytes }), 32);
            }
        }
    }
}
