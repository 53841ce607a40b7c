//! Text of a database whose encoding is not UTF-8. The server translates what it sends, and where it has no character of
//! Unicode for what stands there, the whole statement fails.

use std::collections::HashMap;

use tokio_postgres::error::{Error, SqlState};
use tokio_postgres::{Client, Statement};

use crate::text::escaped;

/// Why a record with such a text goes to quarantine.
pub(super) const UNTRANSLATABLE: &str = "text has a character that is not in Unicode";

/// Whether a statement failed because there is no character of Unicode for what stands in the database.
pub(super) fn is_untranslatable(error: &Error) -> bool {
    let codes = [&SqlState::UNTRANSLATABLE_CHARACTER, &SqlState::CHARACTER_NOT_IN_REPERTOIRE];
    error.code().is_some_and(|code| codes.contains(&code))
}

/// What is selected of a text to have its bytes as they stand in the database.
pub(super) fn as_bytes(selected: &str) -> String {
    format!("convert_to(({selected})::text, current_setting('server_encoding'))")
}

/// The texts that the server makes of these bytes, and nothing of those that are none. A statement for many of them fails
/// for all, and is halved until those stand alone that are at fault.
pub(super) async fn translated<'a>(
    client: &Client,
    texts: Vec<&'a [u8]>,
) -> Result<HashMap<&'a [u8], Option<String>>, Error> {
    let sql = "SELECT convert_from(bytes, current_setting('server_encoding'))
               FROM unnest($1::bytea[]) WITH ORDINALITY AS given (bytes, number) ORDER BY number";
    let statement = client.prepare(sql).await?;
    let mut known = HashMap::with_capacity(texts.len());
    let mut untried = vec![texts];
    while let Some(mut texts) = untried.pop() {
        match translate(client, &statement, &texts).await {
            Ok(translated) => known.extend(texts.into_iter().zip(translated.into_iter().map(Some))),
            Err(error) if !is_untranslatable(&error) => return Err(error),
            Err(_) if texts.len() == 1 => drop(known.insert(texts[0], None)),
            Err(_) => {
                untried.push(texts.split_off(texts.len() / 2));
                untried.push(texts);
            }
        }
    }
    Ok(known)
}

async fn translate(client: &Client, statement: &Statement, texts: &[&[u8]]) -> Result<Vec<String>, Error> {
    let rows = client.query(statement, &[&texts]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// What stands for JSON, or for what people read, in a home that has not every character.
pub(super) async fn kept_by(client: &Client) -> Result<fn(&str) -> String, Error> {
    let encoding: String = client.query_one("SHOW server_encoding", &[]).await?.get(0);
    Ok(if matches!(encoding.as_str(), "UTF8" | "SQL_ASCII") { str::to_owned } else { escaped })
}
