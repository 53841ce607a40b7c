//! Entities of SeaORM and their homes.

mod entity;
mod entity_code;
mod everywhere;
mod fixture;
mod interrupted;
mod keys;
mod migrations;
mod nested;
mod servers;
mod transactions;
