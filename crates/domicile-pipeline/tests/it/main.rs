//! The pipeline as a program uses it, on real databases in temporary folders.

mod added_columns;
mod aggregates;
mod columns_read;
mod connections;
mod cursors;
mod dirty;
mod existing_tables;
mod fencing;
mod fixture;
mod late_commits;
mod mariadb;
mod meddler;
mod placements;
mod positions;
mod reports;
mod routers;
mod servers;
mod sql_analysers;
mod tls;
mod typed_analysers;
mod typed_shapes;
mod write_modes;
