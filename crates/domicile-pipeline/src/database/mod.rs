//! One folder for each database, with the same files in each: how it is read, how it is written, which types it has.

pub(crate) mod sqlite;
