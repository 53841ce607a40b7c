//! The proofs that nothing is lost and nothing comes twice: the built command on real databases, killed at every step, and
//! led through random histories of faults beside a model in memory.

#![cfg(target_os = "linux")]

mod act;
mod cluster;
mod database;
mod history;
mod model;
mod oracle;
mod points;
mod process;
mod stands;
mod world;
