//! Ports for servers.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::os::fd::OwnedFd;

use rustix::io::{FdFlags, fcntl_setfd};
use rustix::net::sockopt::set_socket_reuseaddr;
use rustix::net::{AddressFamily, SocketType, bind, getsockname, socket};

/// A port of 127.0.0.1 that the kernel gives to nobody else, also not while its server is down.
///
/// The socket is bound and never listens, with `SO_REUSEADDR`. A server may bind the same port, because servers set that
/// too; a free port that the kernel looks up, for another server or for a connection, is never this one. Without it a
/// client that tries again and again to connect to a killed server would in the end get the server's port as its own.
#[derive(Debug)]
pub(super) struct Port {
    number: u16,
    _reserved: OwnedFd,
}

impl Port {
    /// A port that nobody has.
    pub(super) fn free() -> Self {
        let reserved = socket(AddressFamily::INET, SocketType::STREAM, None).expect("a socket can be made");
        fcntl_setfd(&reserved, FdFlags::CLOEXEC).expect("a socket can be kept from other programs");
        set_socket_reuseaddr(&reserved, true).expect("an address can be shared");
        bind(&reserved, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0)).expect("there is a free port");
        let address = getsockname(&reserved).expect("a bound socket has an address");
        let address = SocketAddr::try_from(address).expect("an internet socket has an internet address");
        Self { number: address.port(), _reserved: reserved }
    }

    pub(super) fn number(&self) -> u16 {
        self.number
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::io::ErrorKind;
    use std::net::{TcpListener, TcpStream};

    use super::Port;

    #[test]
    fn a_server_can_have_the_port_and_nobody_answers_there_before() {
        let port = Port::free();
        let refused = TcpStream::connect(("127.0.0.1", port.number())).unwrap_err();
        assert_eq!(ErrorKind::ConnectionRefused, refused.kind());
        let server = TcpListener::bind(("127.0.0.1", port.number())).unwrap();
        TcpStream::connect(("127.0.0.1", port.number())).unwrap();
        drop(server);
        TcpListener::bind(("127.0.0.1", port.number())).unwrap();
    }

    #[test]
    fn no_port_is_given_twice() {
        let ports: Vec<Port> = (0..500).map(|_| Port::free()).collect();
        let numbers: BTreeSet<u16> = ports.iter().map(Port::number).collect();
        assert_eq!(ports.len(), numbers.len());
    }
}
