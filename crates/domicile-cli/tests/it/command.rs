//! Running the command, and looking at what it printed.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use domicile_testkit::Sandbox;
use serde_json::Value;

/// No command of these tests takes longer, so one that does hangs.
const TIMEOUT: Duration = Duration::from_secs(300);

/// What a command printed, and how it ended.
#[derive(Debug)]
pub(crate) struct Ran {
    code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// The built command.
pub(crate) fn binary() -> PathBuf {
    PathBuf::from(assert_cmd::cargo::cargo_bin!("domicile"))
}

/// Runs the command in a folder.
pub(crate) fn domicile<A: AsRef<OsStr>>(folder: &Path, arguments: impl IntoIterator<Item = A>) -> Ran {
    finish(assert_cmd::Command::new(binary()).current_dir(folder).args(arguments))
}

/// Runs the command in a folder, with further variables in its environment.
pub(crate) fn domicile_with<A: AsRef<OsStr>>(
    folder: &Path,
    arguments: impl IntoIterator<Item = A>,
    environment: &[(&str, &str)],
) -> Ran {
    let environment = environment.iter().copied();
    finish(assert_cmd::Command::new(binary()).current_dir(folder).args(arguments).envs(environment))
}

/// Runs the command in a folder, with text on its standard input.
pub(crate) fn domicile_reading(folder: &Path, arguments: &[&str], input: &str) -> Ran {
    finish(assert_cmd::Command::new(binary()).current_dir(folder).args(arguments).write_stdin(input))
}

/// Runs a program that is given the command and its arguments.
pub(crate) fn wrapped(wrapper: &[String], folder: &Path, arguments: &[&str]) -> Ran {
    let [program, first @ ..] = wrapper else { panic!("a wrapper names a program") };
    finish(assert_cmd::Command::new(program).args(first).arg(binary()).current_dir(folder).args(arguments))
}

/// The text without the reason of the guarantee class, which has a test of its own.
pub(crate) fn without_reasons(text: &str) -> String {
    let short = |line: &str| {
        let Some((before, reason)) = line.split_once("exact: ") else { return line.to_owned() };
        format!("{before}exact: …{}", if reason.ends_with(')') { ")" } else { "" })
    };
    text.lines().map(short).collect::<Vec<_>>().join("\n")
}

/// `domicile run` on a sandbox's configuration.
pub(crate) fn run(sandbox: &Sandbox) -> Ran {
    domicile(sandbox.dir(), ["run"])
}

fn finish(command: &mut assert_cmd::Command) -> Ran {
    let output = command.timeout(TIMEOUT).env_remove("RUST_BACKTRACE").output().expect("the command starts");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("it prints UTF-8");
    Ran { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

impl Ran {
    /// Asserts the exit code.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        let Self { code: found, stdout, stderr } = &self;
        assert_eq!(*found, Some(code), "\n-- standard output\n{stdout}\n-- standard error\n{stderr}");
        self
    }

    /// Asserts that the exit code is one of these.
    #[track_caller]
    pub(crate) fn exits_with_any_of(self, codes: &[i32]) -> Self {
        let code = self.code.filter(|code| codes.contains(code)).unwrap_or(codes[0]);
        self.exits(code)
    }

    /// Asserts that standard output has a line with this text.
    #[track_caller]
    pub(crate) fn says(self, text: &str) -> Self {
        assert!(self.stdout.contains(text), "{text:?} is not in\n{}", self.stdout);
        self
    }

    /// Asserts that standard error has a line with this text.
    #[track_caller]
    pub(crate) fn complains(self, text: &str) -> Self {
        assert!(self.stderr.contains(text), "{text:?} is not in\n{}", self.stderr);
        self
    }

    /// Standard output as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error} in\n{}", self.stdout))
    }
}
