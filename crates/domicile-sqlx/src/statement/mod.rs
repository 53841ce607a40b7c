//! What a statement says of itself: whether it reads or writes, which tables it touches, and which routing keys it names.
//!
//! Only what every row that is touched must fulfil counts as named: the values of an `INSERT`, and equalities with the
//! key column that a `WHERE` or an inner join demands. Everything else is undecided, which is said and never guessed.

mod aggregate;
mod analysis;
mod cache;
mod insert;
mod key_column;
mod predicate;
mod term;
#[cfg(test)]
mod tests;
mod words;

pub use analysis::Dialect;
pub(crate) use analysis::{Analysis, Keys, Touch, bare};
pub(crate) use cache::Statements;
pub use key_column::Demand;
pub(crate) use key_column::KeyColumns;
pub(crate) use term::Term;
