//! Entities of SeaORM reach the home that they belong to.
//!
//! [`Homes`] is one handle to all homes of a program, and a connection of SeaORM: entity code takes it as it is. What is
//! in the context of the crate `domicile`, what a statement itself says of its routing key, and what the handle was told
//! decide the home; or the statement is refused, before anything is sent. There is no default home.
//!
//! # What is read of a statement
//!
//! For a table that is declared with [`key_column`](Builder::key_column) the values of its key column are
//! read from the text and the parameters of each statement, and are witnesses: all must lead to one home, and to that
//! which the context says. Each text is read once.
//!
//! | statement | its keys |
//! |---|---|
//! | `INSERT` of one or more rows, `REPLACE` | the value of the key column in each row |
//! | `INSERT … SELECT` | the selected literal or parameter; refused if it is anything else |
//! | `CREATE TABLE … AS`, `SELECT … INTO` | as above |
//! | `COPY … FROM`, `MERGE`, a table renamed to this one | refused: the rows cannot be looked at |
//! | `UPDATE`, `DELETE`, `SELECT` | what equalities and `IN` demand, through `AND`, `OR` and inner joins |
//! | common table expressions, subqueries, set operations | as above, at each place |
//! | `ON CONFLICT`, `ON DUPLICATE KEY` | those of the `INSERT`; refused if the key column is updated |
//! | `UPDATE` of the key column | refused: a key is not updated in place |
//! | `CREATE TABLE`, `ALTER TABLE`, `DROP TABLE`, `TRUNCATE` | none, as an undecided `UPDATE` below; see [`Homes::migrate`] |
//!
//! A value must be a text, a number, a character, a UUID or a boolean; a NULL, another type and an expression are
//! undecided. So is a statement without a predicate of the key column, such as a `find_by_id`. One that the parser does
//! not know, or that is nested too deeply to be read, is refused where it names such a table. What is undecided is
//! routed by the context alone, unless the table demands more:
//!
//! | [`Demand`] | an undecided `INSERT` | an undecided `UPDATE` or `DELETE` | an undecided `SELECT` |
//! |---|---|---|---|
//! | `Nothing` | by the context | by the context | by the context |
//! | `Inserts` | refused | by the context | by the context |
//! | `Writes` | refused | refused | by the context |
//! | `Everything` | refused | refused | refused |
//!
//! Where a database returns no rows from an `INSERT`, as MySQL, SeaORM reads the new row back by a second statement, which
//! names no key of its own: insert in the scope of a key there, or by a handle that knows the home.
//!
//! # What is refused besides
//!
//! A connection is used by many, one after the other. What would stay on it is refused: `SET`, `PRAGMA`s of the
//! connection, `LISTEN`, a cursor `WITH HOLD`, `set_config` but for the transaction, and locks of the session, such
//! as `pg_advisory_lock` and `GET_LOCK`. So is what leads to another database, and transactions written in SQL.
//!
//! What is in the database is not read: a function, a procedure, a trigger, a view or a rule that touches a table
//! with a key column does so unseen, and a statement that defines one may name the table. Temporary tables are not
//! refused, and stay on their connection: drop them where they were made, in a transaction.
//!
//! # Features
//!
//! The features `postgres`, `mysql` and `sqlite` are the databases that can hold homes; none is enabled by itself.

mod backend;
mod connection;
mod error;
mod everywhere;
mod homes;
mod levels;
mod migrate;
mod parameters;
mod stream;
mod transaction;

pub use backend::Backend;
/// What homes are described by, and what is refused, so that a program need not name that crate.
pub use domicile_sqlx::{Budget, Builder, Contacts, Demand, Error};
#[cfg(any(feature = "mysql", feature = "postgres", feature = "sqlite"))]
pub use error::refusal;
pub use everywhere::Everywhere;
pub use homes::Homes;
pub use migrate::{Migrated, Migrations};
pub use stream::RoutedStream;
pub use transaction::Transaction;

/// The chapter of the guide, compiled and run with the examples of the documentation.
#[cfg(doctest)]
#[doc = include_str!("../../../guide/the-story.md")]
struct TheStory;

/// The examples of the README, compiled and run with the documentation's.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
