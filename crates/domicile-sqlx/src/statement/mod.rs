//! What a statement says of itself: whether it reads or writes, which tables it touches, and which routing keys it names.
//!
//! Only what every row that is touched must fulfil counts as named: the values of an `INSERT`, and equalities with the
//! key column that a `WHERE` or an inner join demands. Everything else is undecided, which is said and never guessed.
//!
//! A text is cut into tokens once (`text`). Its `words` are looked at whatever it is, and what the parser makes of it is
//! read by `reading`, if it is not too deep for that (`depth`).

mod aggregate;
mod analysis;
mod cache;
mod definition;
mod depth;
mod dialect;
mod from;
mod insert;
mod key_column;
mod pragma;
mod predicate;
mod reading;
mod session;
mod term;
#[cfg(test)]
mod tests;
mod text;
mod touch;
mod words;

pub(crate) use analysis::{Analysis, bare, schema};
pub(crate) use cache::Statements;
pub(crate) use dialect::Dialect;
pub use key_column::Demand;
pub(crate) use key_column::KeyColumns;
pub(crate) use term::Term;
pub(crate) use touch::{Keys, Touch};
