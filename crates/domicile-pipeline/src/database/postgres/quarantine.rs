//! Keeping records that are not delivered.

use tokio_postgres::{Client, Error, Statement};

use super::encoding::kept_by;
use crate::quarantine::Quarantined;

/// How a home keeps such records. It is found once for a connection.
pub(super) struct Quarantine {
    statement: Statement,
    /// What stands for a text in a home that has not every character.
    kept: fn(&str) -> String,
}

impl Quarantine {
    pub(super) async fn find(client: &Client) -> Result<Self, Error> {
        let sql = "INSERT INTO domicile_quarantine VALUES ($1, $2, $3, $4, $5, $6, now(), now())
                   ON CONFLICT (source, position, number) DO UPDATE
                   SET cause = excluded.cause, reason = excluded.reason, record = excluded.record,
                       last_seen = excluded.last_seen";
        Ok(Self { statement: client.prepare(sql).await?, kept: kept_by(client).await? })
    }

    /// Keeps records of a source.
    pub(super) async fn keep(&self, client: &Client, source: &str, records: &[Quarantined]) -> Result<(), Error> {
        for Quarantined { position, number, cause, reason, record, .. } in records {
            // JSON writes a NUL character as an escape; a reason may quote what it is about.
            let (reason, record) = ((self.kept)(&reason.replace('\0', "\u{fffd}")), (self.kept)(record));
            let position = position.key();
            client.execute(&self.statement, &[&source, &position, number, &cause.name(), &reason, &record]).await?;
        }
        Ok(())
    }
}
