//! Who runs a server: database servers refuse to be run by root.

use std::path::Path;
use std::process::Command;

/// The account that programs of a server run with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Account {
    /// The numbers of user and group, where they are not those of this process.
    other: Option<(u32, u32)>,
}

impl Account {
    /// This process's own account or, for root, the usual one or else that of nobody.
    pub(super) fn to_run(usual: &str) -> Self {
        if !rustix::process::geteuid().is_root() {
            return Self { other: None };
        }
        let account = [usual, "nobody"].iter().find_map(|name| Some((id("-u", name)?, id("-g", name)?)));
        Self { other: Some(account.expect("a system has a user `nobody`")) }
    }

    /// The command that runs a program as this account, in a folder of its own. It inherits no settings by the
    /// environment, and dies with the thread that starts it: see `Process::spawn`.
    pub(super) fn command(&self, program: &Path, folder: &Path) -> Command {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL"]);
        if let Some((user, group)) = self.other {
            command.arg(format!("--reuid={user}")).arg(format!("--regid={group}")).arg("--clear-groups");
        }
        command.arg("--").arg(program).current_dir(folder);
        clean(&mut command);
        command
    }

    /// Gives a file or folder to this account.
    pub(super) fn give(&self, path: &Path) {
        if let Some((user, group)) = self.other {
            std::os::unix::fs::chown(path, Some(user), Some(group)).expect("root can give its files away");
        }
    }
}

/// Takes all settings from a command that this process's environment may have, and makes it speak English.
pub(super) fn clean(command: &mut Command) {
    command.env_clear().env("LC_ALL", "C").env("TZ", "UTC");
    if let Some(path) = std::env::var_os("PATH") {
        command.env("PATH", path);
    }
}

fn id(what: &str, name: &str) -> Option<u32> {
    let ran = Command::new("id").args([what, name]).output().ok()?;
    String::from_utf8_lossy(&ran.stdout).trim().parse().ok()
}
