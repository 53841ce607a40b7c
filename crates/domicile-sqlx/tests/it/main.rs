//! Statements of sqlx and their homes.

mod budget;
mod conformance;
mod contract;
mod fixture;
mod lazy;
mod macros;
mod outages;
mod reachable;
mod refused;
mod replicas;
mod tables;
mod tasks;
mod transactions;
