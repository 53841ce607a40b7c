//! Keeping records that are not delivered, also those that no statement of the server can hold, because of its
//! `max_allowed_packet`.

use async_trait::async_trait;
use mysql_async::prelude::Queryable;
use mysql_async::{Error, Params, Value};

use super::connect::{Session, WAIT_LONG};
use super::delivery::MySqlDelivery;
use super::failure;
use super::schema::{existing, make_own_tables};
use crate::deliver::Delivery;
use crate::error::Failure;
use crate::quarantine::{Dialect, Quarantined, Resolution, Row, Store, sha256};

/// What a statement that keeps a record has besides it and the reason, at most.
const OVERHEAD_BYTES: usize = 16 * 1024;
/// What stays of the reason beside a record that is too large: it may quote the record.
const REASON_CHARACTERS: usize = 1_000;

/// Keeps records of a source. What was taken over stays as it is.
pub(super) async fn keep(session: &mut Session, source: &str, records: Vec<Quarantined>) -> Result<(), Error> {
    let there = "SELECT 1 FROM domicile_quarantine WHERE source = ? AND position = ? AND number = ?";
    let update = "UPDATE domicile_quarantine
                  SET cause = ?, about = ?, reason = ?, record = ?, shape = ?, resolution = ?, resolved_at = NULL,
                      resolved_by = NULL, note = NULL, home = NULL, last_seen = UTC_TIMESTAMP(6)
                  WHERE source = ? AND position = ? AND number = ?";
    let insert =
        "INSERT INTO domicile_quarantine (cause, about, reason, record, shape, resolution, source, position, number,
                                                   resolved_at, first_seen, last_seen)
                  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, IF(resolution IS NULL, NULL, UTC_TIMESTAMP(6)), UTC_TIMESTAMP(6),
                          UTC_TIMESTAMP(6))";
    let most_bytes = session.most_bytes;
    let conn = &mut session.conn;
    for Quarantined { position, number, cause, about, reason, record, shape, resolution, .. } in records {
        let (reason, record) = fitting(reason, record, most_bytes);
        let position = position.key();
        let is_there = match resolution {
            Some(_) => conn.exec_first::<u8, _, _>(there, (source, &position, number)).await?.is_some(),
            None => false,
        };
        if is_there {
            continue;
        }
        let said = [Some(cause.name().to_owned()), about, Some(reason), Some(record), shape];
        let resolved = resolution.map(Resolution::name);
        let values = said.into_iter().map(Value::from);
        let key = [resolved.into(), source.into(), position.into(), number.into()];
        let values: Vec<Value> = values.chain(key).collect();
        if resolution.is_none() {
            conn.exec_drop(update, values.clone()).await?;
        }
        if resolution.is_some() || conn.affected_rows() == 0 {
            conn.exec_drop(insert, values).await?;
        }
    }
    Ok(())
}

/// The reason and the record as one statement of so many bytes can keep them. In place of a record that is too large for that
/// the reason tells its size and its hash, by which it is known where it came from.
fn fitting(reason: String, record: String, most_bytes: usize) -> (String, String) {
    if reason.len() + record.len() + OVERHEAD_BYTES <= most_bytes {
        return (reason, record);
    }
    let mut fitting: String = reason.chars().take(REASON_CHARACTERS).collect();
    if fitting.len() < reason.len() {
        fitting.push('…');
    }
    let hash = sha256(&record);
    fitting += &format!(
        "; the record is not kept, because its {} bytes of JSON (SHA-256 {hash}) are too many for a max_allowed_packet of \
         {most_bytes}",
        record.len()
    );
    (fitting, String::from("null"))
}

static DIALECT: Dialect = Dialect {
    place: |_| String::from("?"),
    integer: "SIGNED",
    text: "CHAR",
    time: |column| format!("DATE_FORMAT({column}, '%Y-%m-%d %H:%i:%s')"),
    now: "UTC_TIMESTAMP(6)",
    hold: " FOR UPDATE",
    insert: ("INSERT IGNORE", ""),
};

#[async_trait]
impl Store for MySqlDelivery {
    fn dialect(&self) -> &'static Dialect {
        &DIALECT
    }

    async fn connect(&mut self) -> Result<bool, Failure> {
        self.open().await.map(|_| true)
    }

    async fn columns(&mut self, table: &str) -> Result<Vec<String>, Failure> {
        let columns = existing(&mut self.opened().1.session, table).await.map_err(|error| failure(&error))?;
        Ok(columns.into_iter().map(|column| column.name).collect())
    }

    async fn select(&mut self, sql: &str, values: &[Option<String>]) -> Result<Vec<Row>, Failure> {
        let rows = self.opened().1.session.conn.exec::<mysql_async::Row, _, _>(sql, given(values)).await;
        let rows = rows.map_err(|error| failure(&error))?.into_iter();
        Ok(rows.map(|row| (0..row.len()).map(|at| row.get::<Option<String>, _>(at).flatten()).collect()).collect())
    }

    async fn execute(&mut self, sql: &str, values: &[Option<String>]) -> Result<u64, Failure> {
        let conn = &mut self.opened().1.session.conn;
        conn.exec_drop(sql, given(values)).await.map_err(|error| failure(&error))?;
        Ok(conn.affected_rows())
    }

    async fn kept(&mut self, reason: String, record: String) -> Result<(String, String), Failure> {
        Ok(fitting(reason, record, self.opened().1.session.most_bytes))
    }

    async fn mend(&mut self) -> Result<(), Failure> {
        make_own_tables(&mut self.opened().1.session).await.map_err(|error| failure(&error))
    }

    async fn prepare(&mut self) -> Result<(), Failure> {
        let (delivered, open) = self.opened();
        open.prepare(delivered).await
    }

    async fn begin_beside(&mut self) -> Result<(), Failure> {
        // Runs wait for what it has written. One that is heard nothing of for a minute is undone by the server.
        self.opened().1.execute("SET wait_timeout = 60; START TRANSACTION").await
    }

    async fn commit_beside(&mut self) -> Result<(), Failure> {
        self.opened().1.execute(&format!("COMMIT; {WAIT_LONG}")).await
    }
}

fn given(values: &[Option<String>]) -> Params {
    match values {
        [] => Params::Empty,
        values => Params::Positional(values.iter().map(Value::from).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_is_kept_as_it_is_and_of_all_else_its_size_and_hash() {
        let most_bytes = OVERHEAD_BYTES + 8;
        let kept = |reason: &str, record: &str| fitting(reason.to_owned(), record.to_owned(), most_bytes);
        assert_eq!(kept("no", "[1234]"), (String::from("no"), String::from("[1234]")));
        let (reason, record) = kept("no", "[12345]");
        assert_eq!(record, "null");
        let hash = "e021fdd9a96d5fbdfb6136c96fa322464274f99e92838237ed9572fc569630c7";
        let told =
            format!("its 7 bytes of JSON (SHA-256 {hash}) are too many for a max_allowed_packet of {most_bytes}");
        assert_eq!(reason, format!("no; the record is not kept, because {told}"));
        let (reason, _) = kept(&"é".repeat(2_000), "[]");
        assert!(reason.starts_with(&format!("{}…; the record is not kept", "é".repeat(REASON_CHARACTERS))), "{reason}");
    }
}
