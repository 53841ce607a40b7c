//! Where the programs of a server are, and what is told where they are not.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// A server that is not installed here.
#[derive(Debug)]
pub(super) struct Missing {
    /// The server's name.
    pub(super) server: &'static str,
    /// The programs that were looked for.
    pub(super) programs: &'static [&'static str],
    /// The packages of Debian and Ubuntu that have them.
    pub(super) packages: &'static str,
}

/// What was found, or nothing, after everybody has been told.
///
/// # Panics
///
/// If it was not found and `CI` is set: there nothing is skipped.
pub(super) fn or_skip<T>(found: Result<T, Missing>) -> Option<T> {
    match found {
        Ok(engine) => Some(engine),
        Err(missing) => {
            let why = missing.tell();
            assert!(std::env::var_os("CI").is_none(), "{why} With `CI` set nothing is skipped.");
            tell(&format!("SKIPPED {}: {why}\n", std::thread::current().name().unwrap_or("a test")));
            None
        }
    }
}

impl Missing {
    fn tell(&self) -> String {
        let Self { server, programs, packages } = self;
        format!(
            "{server} is not installed ({} and setpriv are needed). `./test --install-only` installs it on Debian and \
             Ubuntu, from the packages {packages} and util-linux.",
            programs.join(", ")
        )
    }
}

/// Writes to the standard error that people see. The test harness keeps what `eprint!` writes to itself, and nextest all
/// that a test writes that passes: its own standard error is that of its process, which is the parent of this one.
fn tell(line: &str) {
    let _ = io::stderr().write_all(line.as_bytes());
    if std::env::var_os("NEXTEST").is_some() {
        let parent = std::os::unix::process::parent_id();
        if let Ok(mut terminal) = File::options().append(true).open(format!("/proc/{parent}/fd/2")) {
            let _ = terminal.write_all(line.as_bytes());
        }
    }
}

/// Where programs are looked for: on the path, and where Debian and Fedora keep those that only services start.
pub(super) fn folders() -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    folders.extend(versions(Path::new("/usr/lib/postgresql")).into_iter().map(|version| version.join("bin")));
    folders.extend(["/usr/sbin", "/usr/libexec"].map(PathBuf::from));
    folders
}

/// The folders whose names are versions, with the highest first.
fn versions(parent: &Path) -> Vec<PathBuf> {
    let number = |path: &PathBuf| path.file_name()?.to_str()?.parse::<f64>().ok();
    let entries = fs::read_dir(parent).into_iter().flatten().flatten();
    let mut versions: Vec<(f64, PathBuf)> =
        entries.map(|entry| entry.path()).filter_map(|path| Some((number(&path)?, path))).collect();
    versions.sort_by(|(one, _), (other, _)| other.total_cmp(one));
    versions.into_iter().map(|(_, path)| path).collect()
}

/// The first file of this name.
pub(super) fn find(name: &str, folders: &[PathBuf]) -> Option<PathBuf> {
    folders.iter().map(|folder| folder.join(name)).find(|path| path.is_file())
}

/// The first folder that has all the programs. What is on the path may be links to them, or wrappers that choose one of
/// several versions; programs that are together are of the same one.
pub(super) fn find_together(names: &[&str], folders: &[PathBuf]) -> Option<PathBuf> {
    let real = |folder: &PathBuf| Some(fs::canonicalize(folder.join(names[0])).ok()?.parent()?.to_owned());
    folders.iter().filter_map(real).find(|folder| names.iter().all(|name| folder.join(name).is_file()))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::{find_together, versions};

    #[test]
    fn programs_are_found_where_they_are_together() {
        let folder = tempfile::tempdir().unwrap();
        let (path, real) = (folder.path().join("path"), folder.path().join("real"));
        fs::create_dir_all(&path).unwrap();
        fs::create_dir_all(&real).unwrap();
        symlink(real.join("server"), path.join("server")).unwrap();
        fs::write(path.join("client"), "a wrapper").unwrap();
        fs::write(real.join("server"), "").unwrap();
        let folders = [path, real.clone()];
        assert_eq!(None, find_together(&["server", "client"], &folders));
        fs::write(real.join("client"), "").unwrap();
        assert_eq!(fs::canonicalize(real).ok(), find_together(&["server", "client"], &folders));
    }

    #[test]
    fn the_highest_version_comes_first() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["9.6", "15", "9", "jars", "14"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        let found = versions(folder.path());
        let names: Vec<_> = found.iter().map(|path| path.file_name().unwrap().to_str().unwrap()).collect();
        assert_eq!(vec!["15", "14", "9.6", "9"], names);
    }
}
