//! Text in character sets that are not Unicode. The server sends it in UTF-8, and where it has no character for what stands
//! there, it sends a question mark or U+FFFD in its place and says nothing.

use mysql_async::prelude::Queryable;
use mysql_async::{Column, Error, Row};

use super::connect::Session;
use super::quote;

/// Character sets of which every text is one in Unicode.
const WHOLE: [&str; 10] =
    ["utf8mb4", "utf8mb3", "utf8", "ascii", "latin1", "binary", "ucs2", "utf16", "utf16le", "utf32"];

/// What stands in front of the bytes of a text that is not one in Unicode. No text in UTF-8 begins with it.
pub(super) const UNTRANSLATED: u8 = 0xff;

/// The character sets of the columns of what is read, where they are not ones that are whole.
pub(super) async fn partial(
    session: &mut Session,
    relation: &str,
    columns: &[Column],
) -> Result<Vec<Option<String>>, Error> {
    if columns.is_empty() {
        return Ok(Vec::new());
    }
    let charset = |column: &Column| format!("CHARSET(record.{})", quote(&column.name_str()));
    let charsets: Vec<_> = columns.iter().map(charset).collect();
    // A row of NULLs, for which nothing is read.
    let sql = format!(
        "SELECT {} FROM (SELECT 1) AS one LEFT JOIN (SELECT * FROM {relation} LIMIT 0) AS record ON TRUE",
        charsets.join(", ")
    );
    let row: Option<Row> = session.conn.query_first(sql).await?;
    let charset = |number: usize| row.as_ref()?.get::<Option<String>, _>(number)?;
    let partial = |number: usize| charset(number).filter(|charset| !WHOLE.contains(&charset.as_str()));
    Ok((0..columns.len()).map(partial).collect())
}

/// What is selected of a column with this character set: its text, or `UNTRANSLATED` and its bytes where the server would
/// put another character in the place of one that it cannot translate. Of those that it can it keeps the number, and none
/// but a question mark becomes one.
pub(super) fn translated(name: &str, charset: &str) -> String {
    let unicode = format!("CONVERT({name} USING utf8mb4)");
    let others = format!("CHAR_LENGTH(REPLACE({unicode}, '?', ''))");
    let own = format!("CHAR_LENGTH(REPLACE({name}, _{charset} x'3F', _{charset} x''))");
    // What is made of a text that is too long to be sent is NULL, which must not stand for it.
    format!(
        "CASE WHEN {name} IS NULL THEN NULL
              WHEN {others} = {own} AND LOCATE(_utf8mb4 x'EFBFBD', {unicode}) = 0 THEN {unicode}
              ELSE coalesce(CONCAT(x'FF', CAST({name} AS BINARY)), x'FF') END"
    )
}
