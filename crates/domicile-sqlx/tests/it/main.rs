//! Statements of sqlx and their homes.

mod budget;
mod conformance;
mod contract;
mod fixture;
mod identity;
mod interrupted;
mod lazy;
mod macros;
mod migrations;
mod outages;
mod reachable;
mod refused;
mod replicas;
mod tables;
mod tasks;
mod transactions;
