//! What one kind of database server is to the others.

use std::fmt::Debug;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::account::Account;

/// The folder's entry with the server's data.
pub(super) const DATA: &str = "data";

/// A kind of server that is installed here. Folders are those of one server: `DATA` is below them.
pub(super) trait Engine: Debug + Send + Sync {
    /// Its name for people.
    fn name(&self) -> &'static str;

    /// How its URLs begin.
    fn scheme(&self) -> &'static str;

    /// The account that it has on most systems, for root, as whom it does not run.
    fn usual_account(&self) -> &'static str;

    /// Its exact version. Data of one version MUST NOT be given to another.
    fn version(&self) -> String;

    /// A text that is another one whenever `prepare` would make other data.
    fn recipe(&self) -> &'static str;

    /// Makes `DATA` with the users that it needs and this password for each. What the server allows MUST be nothing
    /// without the password: anybody on this machine can connect to it.
    fn prepare(&self, account: &Account, folder: &Path, password: &str);

    /// The command that is the server: the process that it starts MUST become the server itself. What has been committed
    /// MUST survive the death of the process; it need not survive that of the machine.
    fn server(&self, account: &Account, folder: &Path, port: u16) -> Command;

    /// Where its Unix socket is, as programs are told it: PostgreSQL's the folder, others' the file.
    fn socket(&self, folder: &Path) -> PathBuf;

    /// Whether the server with this process answers.
    fn is_ready(&self, folder: &Path, pid: u32) -> bool;

    /// The server's own client program. It reads SQL, stops at the first error, and MUST be told from other clients by
    /// `count_connections`, also for the moment in which the server has not noticed that it has gone.
    fn client(&self, port: u16, password: &str, database: &str) -> Command;

    /// A database that is always there.
    fn first_database(&self) -> &'static str;

    /// SQL that makes a database.
    fn create_database(&self, name: &str) -> String;

    /// SQL that counts the connections to a database but for those of `client`.
    fn count_connections(&self, database: &str) -> String;
}
