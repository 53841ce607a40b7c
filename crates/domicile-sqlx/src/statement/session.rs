//! What would change a connection for whoever gets it next, or keep something for it.

use sqlparser::ast::{
    ContextModifier, Declare, Expr, FunctionArg, FunctionArgExpr, ObjectName, Set, Statement, Value, ValueWithSpan,
};

use super::analysis::full;
use super::dialect::Dialect;

const CHANGES_CONNECTION: &str = "it would change the connection for whoever gets it next";

/// Functions that take a lock for the session, by the kind of database.
fn locking(dialect: Dialect) -> &'static [&'static str] {
    match dialect {
        Dialect::Postgres => {
            &["pg_advisory_lock", "pg_advisory_lock_shared", "pg_try_advisory_lock", "pg_try_advisory_lock_shared"]
        }
        Dialect::MySql => &["get_lock"],
        Dialect::Sqlite => &[],
    }
}

/// Why a statement is never sent, for what it would do to the connection.
pub(super) fn refusal(dialect: Dialect, statement: &Statement) -> Option<&'static str> {
    match statement {
        Statement::Set(set) if !is_local(dialect, set) => Some(match dialect {
            Dialect::Postgres => {
                "it would change the connection for whoever gets it next; in a transaction use SET LOCAL or \
                 SET TRANSACTION"
            }
            Dialect::MySql | Dialect::Sqlite => CHANGES_CONNECTION,
        }),
        Statement::Declare { stmts } if stmts.iter().any(outlives) => {
            Some("a cursor WITH HOLD would stay open on the connection for whoever gets it next")
        }
        Statement::Reset(_)
        | Statement::Discard { .. }
        | Statement::LISTEN { .. }
        | Statement::LockTables { .. }
        | Statement::UnlockTables
        | Statement::Prepare { .. }
        | Statement::Deallocate { .. } => Some(CHANGES_CONNECTION),
        _ => None,
    }
}

/// Why a call is never sent, for what it would do to the connection.
pub(super) fn refused_call(dialect: Dialect, function: &ObjectName, args: &[FunctionArg]) -> Option<&'static str> {
    let called = full(function);
    let called = called.strip_prefix("pg_catalog.").unwrap_or(&called);
    if locking(dialect).contains(&called) {
        return Some(
            "its lock would stay with the connection, whoever gets it next: in PostgreSQL use pg_advisory_xact_lock in \
             a transaction, and otherwise a connection of your own, such as a `Lease` that is discarded afterwards",
        );
    }
    let sets = dialect == Dialect::Postgres && called == "set_config";
    (sets && !is_local_call(args))
        .then_some("it would change the connection for whoever gets it next: let its last argument be true")
}

/// Whether a setting ends with the transaction. In MySQL LOCAL is another word for SESSION, and SET TRANSACTION is for
/// the next transaction, whoever begins it.
fn is_local(dialect: Dialect, set: &Set) -> bool {
    let ends = match set {
        Set::SingleAssignment { scope, .. } => *scope == Some(ContextModifier::Local),
        Set::SetTransaction { session, .. } => !session,
        _ => false,
    };
    dialect == Dialect::Postgres && ends
}

/// Whether what `set_config` is called with says so.
fn is_local_call(args: &[FunctionArg]) -> bool {
    matches!(
        args,
        [
            _,
            _,
            FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Value(ValueWithSpan { value: Value::Boolean(true), .. })))
        ]
    )
}

/// Whether a cursor is still open when its transaction has ended.
fn outlives(cursor: &Declare) -> bool {
    cursor.hold == Some(true)
}
