//! Wrappers that make a command meet a fault or a terminal: each is a program with arguments, to be put in front of the command.

use std::path::Path;
use std::process::Command;

/// Makes the command obey the permissions of files, also when root starts it.
#[must_use]
pub fn unprivileged() -> Vec<String> {
    ["setpriv", "--bounding-set=-all", "--inh-caps=-all"].map(String::from).to_vec()
}

/// Lets the command have at most so many files open.
#[must_use]
pub fn limited_to_files(count: u64) -> Vec<String> {
    vec![String::from("prlimit"), format!("--nofile={count}")]
}

/// Whether this user may mount a disk that nobody else sees. Some systems allow it to root only: there a test that needs it
/// says that it is skipped, but never where `CI` is set.
///
/// # Panics
///
/// If it is not possible and `CI` is set.
#[must_use]
pub fn can_mount() -> bool {
    let tried = Command::new("unshare").args(["--map-root-user", "--mount", "true"]).status();
    let can = tried.is_ok_and(|status| status.success());
    assert!(can || std::env::var_os("CI").is_none(), "this user may not mount a disk, and here nothing is skipped");
    can
}

/// Puts a folder of the command on a disk of its own, of so many bytes, and keeps what is on it in the end: what is in the
/// folder before is there first, and what is there in the end is in the folder after. Nobody else sees that disk.
#[must_use]
pub fn with_disk_of(bytes: u64, folder: &Path) -> Vec<String> {
    let script = "
        folder=$1 kept=$1.kept; shift
        mv \"$folder\" \"$kept\" && mkdir \"$folder\" && mount -t tmpfs -o size=$0 disk \"$folder\" || exit 99
        cp -a \"$kept/.\" \"$folder/\" || exit 98
        \"$@\"; code=$?
        rm -rf \"$kept\"; cp -a \"$folder\" \"$kept\"; umount \"$folder\"; rmdir \"$folder\"; mv \"$kept\" \"$folder\"
        exit $code";
    let folder = folder.display().to_string();
    let size = bytes.to_string();
    ["unshare", "--map-root-user", "--mount", "sh", "-c", script, &size, &folder].map(String::from).to_vec()
}

/// Lets no file of the command grow beyond so many bytes: writing fails, though the disk has room. The signal that would
/// end the command is ignored.
#[must_use]
pub fn limited_to_file_size(bytes: u64) -> Vec<String> {
    let script = "trap '' XFSZ; exec \"$@\"";
    let limit = format!("--fsize={bytes}");
    ["sh", "-c", script, "sh", "prlimit", &limit].map(String::from).to_vec()
}

/// Runs the command on a terminal of this type (`TERM`); what the terminal shows comes on standard output.
#[must_use]
pub fn on_a_terminal(kind: &str) -> Vec<String> {
    let script = "kind=$0; exec env TERM=\"$kind\" script --quiet --return --command \"$*\" /dev/null </dev/null";
    ["sh", "-c", script, kind].map(String::from).to_vec()
}
