//! How far a home has got with a source, as every database keeps it.

use crate::deliver::Owner;
use crate::error::Failure;
use crate::position::Position;

/// How far a home has got with a source, and whose that is.
pub(super) struct Progress {
    pub(super) position: Position,
    pub(super) epoch: i64,
    /// Whose every position in the database is, by source.
    pub(super) owners: Vec<(String, Owner)>,
}

/// A row of `domicile_position`.
pub(super) struct Row {
    pub(super) source: String,
    pub(super) position: Option<String>,
    pub(super) epoch: i64,
    pub(super) owner: Owner,
}

impl Progress {
    /// What holds where there is no row.
    pub(super) const START: Self = Self { position: Position::Start, epoch: 0, owners: Vec::new() };

    /// The progress with a source, of all rows that a database has.
    pub(super) fn of(source: &str, rows: Vec<Row>) -> Result<Self, Failure> {
        let mut progress = Self::START;
        for row in rows {
            if row.source == source {
                progress.position = Position::from_stored(row.position.as_deref()).map_err(Failure::Failed)?;
                progress.epoch = row.epoch;
            }
            progress.owners.push((row.source, row.owner));
        }
        Ok(progress)
    }
}

/// The table is one of an earlier version, in which positions were numbers.
pub(super) fn outdated() -> Failure {
    Failure::Failed(String::from(
        "its table domicile_position was made by an earlier version of Domicile, which no run can go on from; empty the \
         database and let it be delivered again, or give the source another database",
    ))
}
