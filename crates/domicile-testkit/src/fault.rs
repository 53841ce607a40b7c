//! Wrappers that make a command meet a fault: each is a program with arguments, to be put in front of the command.

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

/// Lets no file of the command grow beyond so many bytes: writing fails, as it does on a full disk. The signal that
/// would end the command is ignored.
#[must_use]
pub fn limited_to_file_size(bytes: u64) -> Vec<String> {
    let script = "trap '' XFSZ; exec \"$@\"";
    let limit = format!("--fsize={bytes}");
    ["sh", "-c", script, "sh", "prlimit", &limit].map(String::from).to_vec()
}
