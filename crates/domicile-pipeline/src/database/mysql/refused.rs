//! Why a server refuses what is asked of a source, and what to do about it.

use mysql_async::Error;
use mysql_async::prelude::Queryable;

use super::connect::Session;
use super::privilege::is_denied;
use super::{failure, quote, said};
use crate::config::{Document, From, SourceConfig};
use crate::source::Unopened;

/// Why the source's SQL is refused, and what there is to read.
pub(super) async fn refused(
    session: &mut Session,
    error: &Error,
    config: &SourceConfig,
    document: &Document,
) -> Unopened {
    /// As many names as a person reads.
    const MOST: usize = 40;
    if failure(error).is_transient() {
        return Unopened::unreachable(&config.database, &said(error));
    }
    let (setting, what) = match &config.from {
        From::Table(table) => ("table", quote(table)),
        From::Query(_) => ("query", String::from("what it reads")),
    };
    let help = match &config.from {
        _ if is_denied(error) => {
            let is_named = !document.conceals(&config.setting.key("url"));
            let user = if is_named { account(session).await } else { None };
            format!("GRANT SELECT ON {what} TO {}", user.as_deref().unwrap_or("this user"))
        }
        From::Table(_) => {
            let sql = "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE() ORDER BY 1";
            let names: Vec<String> = session.conn.query(sql).await.unwrap_or_default();
            let names = names.get(..MOST).unwrap_or(&names).join(", ");
            let names = if names.is_empty() { String::from("none") } else { names };
            format!("the tables and views of the database are: {names}")
        }
        From::Query(_) => String::from("it is SQL of MySQL: try it in its client"),
    };
    Unopened::new(setting, format!("the server refuses it: {}", said(error)), help)
}

/// The account that privileges are granted to, as SQL names it.
async fn account(session: &mut Session) -> Option<String> {
    let account: Option<String> = session.conn.query_first("SELECT CURRENT_USER()").await.ok()?;
    let account = account?;
    let (user, host) = account.rsplit_once('@')?;
    let quoted = |name: &str| format!("'{}'", name.replace('\'', "''"));
    Some(format!("{}@{}", quoted(user), quoted(host)))
}
