//! Folders of servers. They are all in folders of this user with one name, so that what a killed test leaves can be found.

use std::fs::{self, DirBuilder, File, Permissions};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use tempfile::TempDir;

use super::account::Account;
use super::postgres;

/// The path of a Unix socket has at most 107 bytes, and those of servers are below a base with at most so many more.
const BASE_MAX_BYTES: usize = 107 - "/server-abcdef/.s.PGSQL.65535".len();
/// Where files are in memory. A server has about a thousand, and disks take longer to make them than the server to start.
const MEMORY: &str = "/dev/shm";
/// With less memory to spare, such as in many containers, servers are on the disk.
const MEMORY_MIN_BYTES: u64 = 2 << 30;
/// Templates that nobody has used for so long are removed.
const TEMPLATE_MAX_DAYS: u64 = 7;
const PREFIX: &str = "server-";

/// The folder of one server, removed with it. It is locked as long as the process lives that made it.
#[derive(Debug)]
pub(super) struct Folder {
    folder: TempDir,
    // Freed after the folder has been removed, so that nobody else removes it at the same time.
    _lock: File,
}

impl Folder {
    /// An empty folder that only this account, and root, can read.
    pub(super) fn new(account: &Account) -> Self {
        let disk = base();
        let alone = File::create(disk.join("lock")).expect("a lock's file can be made");
        alone.lock().expect("a file can be locked");
        let memory = has_memory().then(|| base_in(Path::new(MEMORY)));
        sweep(&disk);
        memory.iter().for_each(|memory| sweep(memory));

        let private = Permissions::from_mode(0o700);
        let folder = tempfile::Builder::new().prefix(PREFIX).permissions(private).tempdir_in(memory.unwrap_or(disk));
        let folder = folder.expect("a temporary folder can be made");
        let lock = File::open(folder.path()).expect("a folder can be opened");
        lock.try_lock().expect("a new folder is locked by nobody");
        account.give(folder.path());
        Self { folder, _lock: lock }
    }

    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }
}

/// The folder of this user on the disk. Locks and templates are in there, too.
pub(super) fn base() -> PathBuf {
    let usual = std::env::temp_dir();
    let fits = usual.join(base_name()).as_os_str().len() <= BASE_MAX_BYTES;
    base_in(if fits { &usual } else { Path::new("/tmp") })
}

fn base_name() -> String {
    format!("domicile-servers-{}", rustix::process::geteuid().as_raw())
}

fn base_in(parent: &Path) -> PathBuf {
    let user = rustix::process::geteuid();
    let base = parent.join(base_name());
    // The accounts that root runs servers with pass through it.
    let mode = if user.is_root() { 0o711 } else { 0o700 };
    match DirBuilder::new().mode(mode).create(&base) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => panic!("{} cannot be made: {error}", base.display()),
        _ => {}
    }
    let found = fs::symlink_metadata(&base).expect("the folder of the servers is there");
    let own = found.is_dir() && found.uid() == user.as_raw();
    assert!(own, "{} is not a folder of this user, and must not be used", base.display());
    fs::set_permissions(&base, Permissions::from_mode(mode)).expect("one's own folder can be protected");
    base
}

fn has_memory() -> bool {
    rustix::fs::statvfs(MEMORY).is_ok_and(|disk| disk.f_bavail.saturating_mul(disk.f_frsize) >= MEMORY_MIN_BYTES)
}

/// Removes what killed tests have left, and templates that nobody uses any more.
fn sweep(base: &Path) {
    for entry in fs::read_dir(base).expect("the folder of the servers can be read").flatten() {
        let path = entry.path();
        if path.extension().is_some_and(|extension| extension == "tar") {
            if age(&path).is_some_and(|age| age > Duration::from_secs(TEMPLATE_MAX_DAYS * 24 * 60 * 60)) {
                let _ = fs::remove_file(&path);
            }
        } else if entry.file_name().to_string_lossy().starts_with(PREFIX) && is_left(&path) {
            let _ = fs::remove_dir_all(&path);
        }
    }
}

fn age(path: &Path) -> Option<Duration> {
    SystemTime::now().duration_since(fs::metadata(path).ok()?.modified().ok()?).ok()
}

/// Whether neither the process that made the folder nor a server in it lives.
fn is_left(folder: &Path) -> bool {
    File::open(folder).is_ok_and(|lock| lock.try_lock().is_ok()) && postgres::forget_memory(folder)
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::time::{Duration, SystemTime};

    use super::{Account, Folder, PREFIX, TEMPLATE_MAX_DAYS, base};

    #[test]
    fn what_a_killed_test_has_left_is_removed_and_what_is_in_use_is_not() {
        let account = Account::to_run("nobody");
        let used = Folder::new(&account);
        let left = base().join(format!("{PREFIX}left"));
        fs::create_dir_all(left.join("data")).unwrap();
        let other = Folder::new(&account);
        assert!(!left.exists());
        assert!(used.path().exists() && other.path().exists());
    }

    #[test]
    fn a_template_that_nobody_uses_is_removed_and_one_that_is_used_is_not() {
        let days = |days: u64| SystemTime::now() - Duration::from_secs(days * 24 * 60 * 60);
        let template = base().join(format!("test-{}.tar", std::process::id()));
        File::create(&template).unwrap().set_modified(days(TEMPLATE_MAX_DAYS - 1)).unwrap();
        drop(Folder::new(&Account::to_run("nobody")));
        assert!(template.exists());
        File::open(&template).unwrap().set_modified(days(TEMPLATE_MAX_DAYS + 1)).unwrap();
        drop(Folder::new(&Account::to_run("nobody")));
        assert!(!template.exists());
    }
}
