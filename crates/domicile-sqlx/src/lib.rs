//! Statements of sqlx reach the home that they belong to.
//!
//! [`Homes`] is one handle to all homes of a program. A statement that is executed with it is routed by what is in the
//! context of the crate `domicile`, by what the statement itself says and by what the handle was told, and it goes to
//! the database of its home; or it is refused, before anything is sent. There is no default home.
//!
//! - [`Homes`] is an executor of sqlx for `query`, `query_as`, `query!` and all else that takes one.
//! - [`Homes::begin`] begins a [`Transaction`], which belongs to one home from its first statement.
//! - [`Homes::on`], [`Homes::here`] and [`Homes::of`] make handles that know more.
//! - [`Homes::everywhere`] asks all homes, and returns one result for each.
//! - [`Homes::migrate`] runs sqlx's migrations in every home that they are for.
//! - A [`Budget`] bounds the connections of the process; [`Demand`] says what tables demand of statements.
//!
//! The features `postgres`, `mysql` and `sqlite` are the databases that can hold homes; none is enabled by itself. The
//! feature `conformance` adds what proves a program's own routers in its tests.

mod attempts;
mod budget;
mod builder;
mod capability;
mod check;
#[cfg(feature = "conformance")]
pub mod conformance;
mod connection;
mod databases;
mod deadline;
mod decide;
mod error;
mod everywhere;
#[cfg(any(feature = "mysql", feature = "postgres", feature = "sqlite"))]
mod executor;
mod facts;
mod handshake;
mod homes;
mod lease;
mod migrate;
mod pool;
mod savepoint;
mod settings;
mod statement;
mod transaction;

pub use budget::Budget;
pub use builder::Builder;
pub use capability::Capability;
pub use databases::Contacts;
pub use decide::{Decided, Parameters, Unreadable};
pub use error::Error;
pub use everywhere::Everywhere;
pub use homes::Homes;
pub use lease::Lease;
pub use migrate::{Migrated, Migrations};
pub use savepoint::Savepoint;
pub use statement::Demand;
pub use transaction::Transaction;
