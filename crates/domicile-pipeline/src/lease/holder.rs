//! Who has a lease, and whether that run still lives.
//!
//! A run that was killed cannot give its lease back, and the next one need not wait for the end of it: as long as a run
//! lives it has a socket of a name that nobody else has, which the kernel takes away with it. So a run of the same machine
//! knows. Of others nothing is known, and their leases have to end.

use std::fmt;
use std::hash::{BuildHasher, Hasher, RandomState};

use chrono::{DateTime, SecondsFormat};
use serde::{Deserialize, Serialize};

use crate::control::now;

/// A run, as the control database tells others of it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) struct Holder {
    /// No other run has it.
    id: String,
    pub(crate) host: String,
    pub(crate) pid: u32,
    /// When it began, in UTC.
    pub(crate) since: String,
    /// Where the names of sockets are the same: the machine since it was started, and the network namespace in it.
    machine: Option<String>,
}

/// Lives as long as the run does.
#[derive(Debug)]
pub(super) struct Life {
    #[cfg(target_os = "linux")]
    _socket: std::os::unix::net::UnixDatagram,
}

impl Holder {
    /// This run, and what shows that it lives, where that can be shown.
    pub(super) fn this_run() -> (Self, Option<Life>) {
        let random = || RandomState::new().build_hasher().finish();
        let id = format!("{:016x}{:016x}", random(), random());
        let life = place::live(&id);
        let machine = life.is_some().then(place::machine).flatten();
        let since = DateTime::from_timestamp(now(), 0).unwrap_or_default().to_rfc3339_opts(SecondsFormat::Secs, true);
        (Self { id, host: place::host(), pid: std::process::id(), since, machine }, life)
    }

    pub(super) fn stored(&self) -> String {
        serde_json::to_string(self).expect("it is plain data")
    }

    /// Of a text that says nothing of a run nothing is known.
    pub(super) fn from_stored(text: &str) -> Self {
        serde_json::from_str(text).unwrap_or_else(|_| Self {
            id: String::new(),
            host: String::from("a host that is not known"),
            pid: 0,
            since: String::from("a time that is not known"),
            machine: None,
        })
    }

    /// Whether it is known that it lives no more.
    pub(super) fn is_gone(&self) -> bool {
        self.machine.is_some() && self.machine == place::machine() && place::is_gone(&self.id)
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "process {} on {}, since {},", self.pid, self.host, self.since)
    }
}

#[cfg(target_os = "linux")]
mod place {
    use std::io::ErrorKind;
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::net::{SocketAddr, UnixDatagram};
    use std::{fs, io};

    use super::Life;

    fn address(id: &str) -> io::Result<SocketAddr> {
        SocketAddr::from_abstract_name(format!("domicile-run-{id}"))
    }

    pub(super) fn live(id: &str) -> Option<Life> {
        Some(Life { _socket: UnixDatagram::bind_addr(&address(id).ok()?).ok()? })
    }

    /// Nobody reads what is sent to the socket, so nothing is: that there is one is what counts.
    pub(super) fn is_gone(id: &str) -> bool {
        let connected = address(id).and_then(|address| UnixDatagram::unbound()?.connect_addr(&address));
        connected.is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused)
    }

    pub(super) fn machine() -> Option<String> {
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
        let network = fs::read_link("/proc/self/ns/net").ok()?;
        Some(format!("{} {} {}", host(), boot.trim(), network.display()))
    }

    pub(super) fn host() -> String {
        let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        host.trim().to_owned()
    }
}

#[cfg(not(target_os = "linux"))]
mod place {
    use super::Life;

    pub(super) fn live(_: &str) -> Option<Life> {
        None
    }

    pub(super) fn is_gone(_: &str) -> bool {
        false
    }

    pub(super) fn machine() -> Option<String> {
        None
    }

    pub(super) fn host() -> String {
        std::env::var("HOSTNAME").unwrap_or_else(|_| String::from("this host"))
    }
}

#[cfg(test)]
mod tests {
    use super::Holder;

    #[test]
    fn a_holder_is_read_as_it_was_stored() {
        let (holder, _life) = Holder::this_run();
        assert_eq!(Holder::from_stored(&holder.stored()), holder);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_run_of_this_machine_is_gone_when_it_lives_no_more() {
        let (holder, life) = Holder::this_run();
        assert!(!holder.is_gone());
        drop(life);
        assert!(holder.is_gone());
    }

    #[test]
    fn of_a_run_of_another_machine_nobody_says_that_it_is_gone() {
        let (holder, _) = Holder::this_run();
        let elsewhere = Holder { machine: Some(String::from("elsewhere")), ..holder.clone() };
        assert!(!elsewhere.is_gone());
        assert!(!Holder { machine: None, ..holder }.is_gone());
        assert!(!Holder::from_stored("somebody").is_gone());
    }
}
