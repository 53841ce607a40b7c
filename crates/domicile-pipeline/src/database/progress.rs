//! How far a home has got with a source, as every database keeps it.

use crate::error::Failure;
use crate::position::Position;

/// The row of `domicile_position`.
pub(super) struct Progress {
    pub(super) position: Position,
    pub(super) epoch: i64,
    /// Which control database the position belongs to.
    pub(super) control: Option<String>,
}

impl Progress {
    /// What holds where there is no row.
    pub(super) const START: Self = Self { position: Position::Start, epoch: 0, control: None };

    /// The row as a database gives it.
    pub(super) fn read(position: Option<&str>, epoch: i64, control: Option<String>) -> Result<Self, Failure> {
        let position = Position::from_stored(position).map_err(Failure::Failed)?;
        Ok(Self { position, epoch, control })
    }

    /// Whether the position belongs to another control database than this one.
    pub(super) fn is_foreign_to(&self, control: Option<&str>) -> bool {
        self.control.as_deref().is_some_and(|kept| control != Some(kept))
    }
}

/// The table is one of an earlier version, in which positions were numbers.
pub(super) fn outdated() -> Failure {
    Failure::Failed(String::from(
        "its table domicile_position was made by an earlier version of Domicile, which no run can go on from; empty the \
         database and let it be delivered again, or give the source another database",
    ))
}
