//! Data of a server as it is after its installation, made once on a machine and unpacked for each server.

use std::fs::{self, File, OpenOptions};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::account::Account;
use super::engine::{DATA, Engine};
use super::folder::{Folder, base};
use super::run;

/// The folder's entry with the password.
const PASSWORD: &str = "password";

/// Fills the folder with new data, and returns the password.
pub(super) fn unpack(engine: &dyn Engine, account: &Account, folder: &Folder) -> String {
    let mut tar = account.command(Path::new("tar"), folder.path());
    tar.args(["-xf", "-"]).stdin(open(engine, account));
    run(tar);
    fs::read_to_string(folder.path().join(PASSWORD)).expect("the template has a password")
}

/// The template, made if there is none. It is one file, so that whoever tidies the system's temporary folder takes all
/// of it or nothing; and it comes to its name when it is whole, so that nobody finds a part of it.
fn open(engine: &dyn Engine, account: &Account) -> File {
    let path = path(engine);
    if let Some(template) = open_existing(&path) {
        return template;
    }
    let alone = File::create(base().join(format!("{}.lock", engine.name()))).expect("a lock's file can be made");
    alone.lock().expect("a file can be locked");
    if let Some(template) = open_existing(&path) {
        return template;
    }
    make(engine, account, &path);
    open_existing(&path).expect("the template was just made")
}

fn open_existing(path: &Path) -> Option<File> {
    match File::open(path) {
        Ok(template) => {
            // Templates that are used are kept.
            let _ = template.set_modified(SystemTime::now());
            Some(template)
        }
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => panic!("{} cannot be opened: {error}", path.display()),
    }
}

/// A path that is another one when the server, or what is done with it, is another one.
fn path(engine: &dyn Engine) -> PathBuf {
    let version = engine.version();
    let number = version.split_whitespace().find(|word| word.starts_with(|first: char| first.is_ascii_digit()));
    let number: String = number.unwrap_or("unknown").chars().filter(|character| *character != '/').collect();
    let mut hasher = DefaultHasher::new();
    (&version, engine.recipe(), include_str!("template.rs")).hash(&mut hasher);
    base().join(format!("{}-{number}-{:016x}.tar", engine.name(), hasher.finish()))
}

fn make(engine: &dyn Engine, account: &Account, path: &Path) {
    let folder = Folder::new(account);
    // A password that others cannot guess, and that needs no quotes anywhere.
    let password = fs::read_to_string("/proc/sys/kernel/random/uuid").expect("the system has random numbers");
    let password = password.trim();
    let mut file = create_private(&folder.path().join(PASSWORD));
    file.write_all(password.as_bytes()).expect("the password can be written");
    account.give(&folder.path().join(PASSWORD));
    engine.prepare(account, folder.path(), password);

    // With the ending of a template it is removed as one, should it be left.
    let part = path.with_extension("part.tar");
    let _ = fs::remove_file(&part);
    let mut tar = account.command(Path::new("tar"), folder.path());
    tar.args(["-Scf", "-", DATA, PASSWORD]).stdout(create_private(&part));
    run(tar);
    fs::rename(part, path).expect("the template can be given its name");
}

fn create_private(path: &Path) -> File {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    options.open(path).unwrap_or_else(|error| panic!("{} cannot be made: {error}", path.display()))
}
