//! Statements of sqlx and their homes.

mod budget;
mod fixture;
mod lazy;
mod refused;
mod replicas;
mod tasks;
mod transactions;
