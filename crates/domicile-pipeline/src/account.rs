//! What became of the records that were read.

use std::ops::AddAssign;

use serde::Serialize;

/// Counts of records. `read = delivered + ignored + quarantined` holds for each home and each transaction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Account {
    /// Records of this home that were read.
    pub read: u64,
    /// Records whose objects (there may be none) are in the home.
    pub delivered: u64,
    /// Records that the source's `ignore` rule leaves out.
    pub ignored: u64,
    /// Records that are kept in quarantine.
    pub quarantined: u64,
}

impl AddAssign for Account {
    fn add_assign(&mut self, other: Self) {
        self.read += other.read;
        self.delivered += other.delivered;
        self.ignored += other.ignored;
        self.quarantined += other.quarantined;
    }
}
