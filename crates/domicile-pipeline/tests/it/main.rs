//! The pipeline as a program uses it, on real databases in temporary folders.

/// Tests that hold for each kind of database.
macro_rules! contract {
    ($($test:ident)*) => {
        mod sqlite { $(#[test] fn $test() { super::$test($crate::quarantine::FILES) })* }
        mod postgres { $(#[test] fn $test() { super::$test($crate::quarantine::POSTGRES) })* }
        mod mariadb { $(#[test] fn $test() { super::$test($crate::quarantine::MARIADB) })* }
    };
}

/// The same with what the kinds differ in, and behind `servers:` the tests that need others who write at the same time.
macro_rules! kinds {
    ($($test:ident)* $(; servers: $($of_servers:ident)*)?) => {
        mod sqlite { $(#[test] fn $test() { super::$test(&$crate::servers::SQLITE) })* }
        mod postgres {
            $(#[test] fn $test() { super::$test(&$crate::servers::POSTGRES) })*
            $($(#[test] fn $of_servers() { super::$of_servers(&$crate::servers::POSTGRES) })*)?
        }
        mod mariadb {
            $(#[test] fn $test() { super::$test(&$crate::servers::MARIADB) })*
            $($(#[test] fn $of_servers() { super::$of_servers(&$crate::servers::MARIADB) })*)?
        }
    };
}

mod added_columns;
mod aggregates;
mod blocked;
mod breaker;
mod catch_up;
mod columns_read;
mod connections;
mod copies;
mod crashes;
mod cursors;
mod cursors_index;
mod cursors_overlap;
mod dirty;
mod existing_tables;
mod fencing;
mod fixture;
mod guarantees;
mod hanging;
mod large_records;
mod late_commits;
mod late_writers;
mod lost_replies;
mod mariadb;
mod meddler;
mod mended;
mod merged_keys;
mod owners;
mod placements;
mod positions;
mod postgres;
mod quarantine;
mod reports;
mod routers;
mod servers;
mod silent;
mod sites;
mod source_fails;
mod sources;
mod sql_analysers;
mod states;
mod status;
mod tls;
mod trace;
mod typed_analysers;
mod typed_shapes;
mod types;
mod types_cases;
mod types_databases;
mod types_encodings;
mod types_kept;
mod unchanged;
mod until;
mod untold;
mod verify;
mod verify_cases;
mod verify_servers;
mod write_modes;
