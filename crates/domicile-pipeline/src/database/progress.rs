//! How far a home has got with a source, as every database keeps it.

use crate::batch::Position;

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

    /// Whether the position belongs to another control database than this one.
    pub(super) fn is_foreign_to(&self, control: Option<&str>) -> bool {
        self.control.as_deref().is_some_and(|kept| control != Some(kept))
    }
}
