//! A folder with a source, homes, a control database and a configuration.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::Connection;
use tempfile::TempDir;

/// A temporary folder for one test. It is removed at the end, unless the test panics: then it is kept and its path is
/// printed.
#[derive(Debug)]
pub struct Sandbox {
    folder: TempDir,
}

impl Default for Sandbox {
    fn default() -> Self {
        Self::new()
    }
}

impl Sandbox {
    /// An empty folder.
    ///
    /// # Panics
    ///
    /// If it cannot be made.
    #[must_use]
    pub fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("domicile-").tempdir().expect("a temporary folder can be made");
        Self { folder }
    }

    /// The folder.
    #[must_use]
    pub fn dir(&self) -> &Path {
        self.folder.path()
    }

    /// A path in the folder.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir().join(name)
    }

    /// The configuration's path.
    #[must_use]
    pub fn config_path(&self) -> PathBuf {
        self.path("domicile.toml")
    }

    /// The source's path.
    #[must_use]
    pub fn source_path(&self) -> PathBuf {
        self.path("source.sqlite")
    }

    /// The control database's path.
    #[must_use]
    pub fn control_path(&self) -> PathBuf {
        self.path("control.sqlite")
    }

    /// A home's path.
    #[must_use]
    pub fn home_path(&self, home: &str) -> PathBuf {
        self.path("homes").join(format!("{home}.sqlite"))
    }

    /// Opens the source, and makes it if it is missing.
    #[must_use]
    pub fn source(&self) -> Connection {
        open(&self.source_path())
    }

    /// Opens the control database, and makes it if it is missing.
    #[must_use]
    pub fn control(&self) -> Connection {
        open(&self.control_path())
    }

    /// Opens a home, and makes it and its folder if they are missing.
    ///
    /// # Panics
    ///
    /// If it cannot be opened.
    #[must_use]
    pub fn home(&self, home: &str) -> Connection {
        fs::create_dir_all(self.path("homes")).expect("the folder of the homes can be made");
        open(&self.home_path(home))
    }

    /// Writes the configuration and returns its path.
    ///
    /// # Panics
    ///
    /// If it cannot be written.
    pub fn write_config(&self, text: &str) -> PathBuf {
        let path = self.config_path();
        fs::write(&path, text).expect("the configuration can be written");
        path
    }

    /// Every file of the folder with its contents, to see that nothing was written.
    ///
    /// # Panics
    ///
    /// If one cannot be read.
    #[must_use]
    pub fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut files = BTreeMap::new();
        gather(self.dir(), &mut files);
        files
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.folder.disable_cleanup(true);
            eprintln!("the test's folder is kept: {}", self.dir().display());
        }
    }
}

fn gather(folder: &Path, files: &mut BTreeMap<PathBuf, Vec<u8>>) {
    for entry in fs::read_dir(folder).expect("the folder can be read") {
        let path = entry.expect("the folder can be read").path();
        if path.is_dir() {
            gather(&path, files);
            files.insert(path, Vec::new());
        } else {
            let contents = fs::read(&path).expect("the file can be read");
            files.insert(path, contents);
        }
    }
}

/// Opens a database. A lock of the command under test is waited for.
pub(crate) fn open(path: &Path) -> Connection {
    let connection = Connection::open(path).unwrap_or_else(|error| panic!("{} opens: {error}", path.display()));
    connection.busy_timeout(Duration::from_secs(10)).expect("a timeout can be set");
    connection
}

#[cfg(test)]
mod tests {
    use super::Sandbox;

    #[test]
    fn a_file_that_changes_is_seen() {
        let sandbox = Sandbox::new();
        let _ = sandbox.home("spain").execute_batch("CREATE TABLE a (b)");
        let before = sandbox.files();
        assert_eq!(before, sandbox.files());
        sandbox.home("spain").execute_batch("INSERT INTO a VALUES (1)").unwrap();
        assert_ne!(before, sandbox.files());
    }

    #[test]
    fn the_folder_is_removed_unless_the_test_panics() {
        let sandbox = Sandbox::new();
        let path = sandbox.dir().to_owned();
        drop(sandbox);
        assert!(!path.exists());
        let kept = std::thread::spawn(|| {
            let sandbox = Sandbox::new();
            std::panic::panic_any(sandbox.dir().to_owned());
        });
        let path = kept.join().unwrap_err().downcast::<std::path::PathBuf>().unwrap();
        assert!(path.exists());
        std::fs::remove_dir_all(*path).unwrap();
    }
}
