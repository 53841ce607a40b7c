//! A TCP proxy between a program and a server, which does to connections what networks do.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use crate::Server;

/// So many bytes are carried at once.
const CARRIED_BYTES: usize = 16 * 1_024;

/// A way to a server that carries everything as it is, until it is told to do a connection harm.
///
/// ```
/// use domicile_testkit::{Proxy, Server};
///
/// let Some(server) = Server::postgres() else { return };
/// server.create_database("shop");
/// let proxy = Proxy::to(&server);
/// let url = proxy.url(&server, "shop"); // for the program under test
/// proxy.cut(); // its connections end, and new ones are carried
/// proxy.refuse(); // there are no new ones
/// proxy.heal();
/// ```
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    upstream: SocketAddr,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    is_stopped: bool,
    refuses: bool,
    swallows: bool,
    /// Bytes from the server that are carried before a connection is cut, and bytes from programs.
    cut_after: Option<u64>,
    cut_after_sent: Option<u64>,
    /// What is waited for in what programs send; the reply to it is lost.
    lost: Option<Vec<u8>>,
    /// Connections that were harmed.
    cuts: usize,
    open: Vec<Connection>,
}

/// Both ends of a connection, by a number that no other has.
#[derive(Debug)]
struct Connection {
    number: usize,
    client: TcpStream,
    server: TcpStream,
    /// What was said last by the client, as far as something that is waited for may begin in it.
    said: Vec<u8>,
    /// The next reply is lost, and the connection with it.
    loses_reply: bool,
    /// Something of a reply is missing: it cannot be used any more.
    is_broken: bool,
}

impl Proxy {
    /// A way to a server, also after it was killed and started again.
    ///
    /// # Panics
    ///
    /// If no port can be had.
    #[must_use]
    pub fn to(server: &Server) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("there is a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let upstream = SocketAddr::from((Ipv4Addr::LOCALHOST, server.port()));
        let shared = Arc::new(Shared { upstream, state: Mutex::default() });
        let accepting = Arc::clone(&shared);
        thread::spawn(move || accepting.accept(&listener));
        Self { address, shared }
    }

    /// Where a database of the server is by this way, as programs are told it.
    #[must_use]
    pub fn url(&self, server: &Server, database: &str) -> String {
        let direct = format!("@127.0.0.1:{}/", server.port());
        server.url(database).replace(&direct, &format!("@{}/", self.address))
    }

    /// Ends all connections that there are, now. New ones are carried.
    pub fn cut(&self) {
        self.shared.state().cut_all();
    }

    /// Carries so many bytes more from the server, over all connections, and then cuts the one that would carry the next.
    /// New ones are carried.
    pub fn cut_after(&self, bytes: u64) {
        self.shared.state().cut_after = Some(bytes);
    }

    /// The same, of what programs send: the server gets the beginning of something, and no more.
    pub fn cut_after_sent(&self, bytes: u64) {
        self.shared.state().cut_after_sent = Some(bytes);
    }

    /// Lets the server have what a program sends next that contains this text, waits for the reply to it, and cuts the
    /// connection in place of carrying that. This happens once: new connections are carried.
    pub fn lose_reply_to(&self, text: &str) {
        self.shared.state().lost = Some(text.as_bytes().to_vec());
    }

    /// Carries nothing more from the server, though connections stay: whoever waits for an answer waits on.
    pub fn swallow_replies(&self) {
        self.shared.state().swallows = true;
    }

    /// Ends all connections, and each new one as soon as it is there.
    pub fn refuse(&self) {
        let mut state = self.shared.state();
        state.refuses = true;
        state.cut_all();
    }

    /// Carries everything again. Connections of which something was swallowed end.
    pub fn heal(&self) {
        let mut state = self.shared.state();
        (state.refuses, state.swallows, state.lost) = (false, false, None);
        (state.cut_after, state.cut_after_sent) = (None, None);
        state.open.iter().filter(|connection| connection.is_broken).for_each(Connection::shut);
    }

    /// How many connections were cut until now, so that a test sees that it did what it wanted.
    #[must_use]
    pub fn cuts(&self) -> usize {
        self.shared.state().cuts
    }

    /// How many connections there are.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.shared.state().open.len()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        {
            let mut state = self.shared.state();
            state.is_stopped = true;
            state.cut_all();
        }
        // Whoever accepts looks up when somebody comes.
        drop(TcpStream::connect(self.address));
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn accept(self: Arc<Self>, listener: &TcpListener) {
        for (number, client) in listener.incoming().enumerate() {
            let Ok(client) = client else { continue };
            if self.state().is_stopped {
                return;
            }
            // Where the server is down, the client finds its connection ended.
            let Ok(server) = TcpStream::connect(self.upstream) else { continue };
            let _ = self.carry(number, &client, &server);
        }
    }

    /// Carries what both ends say, on a thread for each direction, unless connections are refused.
    fn carry(self: &Arc<Self>, number: usize, client: &TcpStream, server: &TcpStream) -> std::io::Result<()> {
        for end in [client, server] {
            end.set_nodelay(true)?;
        }
        let connection = Connection::new(number, client.try_clone()?, server.try_clone()?);
        {
            let mut state = self.state();
            if state.refuses {
                connection.shut();
                return Ok(());
            }
            state.open.push(connection);
        }
        let directions =
            [(client.try_clone()?, server.try_clone()?, true), (server.try_clone()?, client.try_clone()?, false)];
        for (from, to, is_of_client) in directions {
            let shared = Arc::clone(self);
            thread::spawn(move || shared.pump(number, from, to, is_of_client));
        }
        Ok(())
    }

    fn pump(&self, number: usize, mut from: TcpStream, mut to: TcpStream, is_of_client: bool) {
        let mut carried = vec![0; CARRIED_BYTES];
        loop {
            let length = from.read(&mut carried).unwrap_or(0);
            let part = match length {
                0 => None,
                _ if is_of_client => self.state().heard(number, &carried[..length]),
                _ => self.state().replied(number, &carried[..length]),
            };
            if part.is_none_or(|part| to.write_all(&carried[..part]).is_err()) {
                break;
            }
        }
        let mut state = self.state();
        let ended: Vec<_> = state.open.extract_if(.., |connection| connection.number == number).collect();
        ended.iter().for_each(Connection::shut);
    }
}

impl State {
    fn cut_all(&mut self) {
        self.cuts += self.open.len();
        self.open.drain(..).for_each(|connection| connection.shut());
    }

    fn connection(&mut self, number: usize) -> Option<&mut Connection> {
        self.open.iter_mut().find(|connection| connection.number == number)
    }

    /// How much is carried of what a client says; `None` where its connection has ended, or ends here.
    fn heard(&mut self, number: usize, said: &[u8]) -> Option<usize> {
        let lost = self.lost.clone();
        let server = self.connection(number)?.server.try_clone().ok()?;
        if !carries(&mut self.cut_after_sent, said, server) {
            self.cuts += 1;
            return None;
        }
        let connection = self.connection(number)?;
        if let Some(lost) = lost {
            connection.said.extend(said);
            if connection.said.windows(lost.len()).any(|window| window == lost) {
                connection.loses_reply = true;
                self.lost = None;
                return Some(said.len());
            }
            let begin = connection.said.len().saturating_sub(lost.len() - 1);
            connection.said.drain(..begin);
        }
        Some(said.len())
    }

    /// How much is carried of what a server says; `None` where the connection has ended, or ends here.
    fn replied(&mut self, number: usize, said: &[u8]) -> Option<usize> {
        let swallows = self.swallows;
        let connection = self.connection(number)?;
        if connection.loses_reply {
            self.cuts += 1;
            return None;
        }
        if swallows || connection.is_broken {
            connection.is_broken = true;
            return Some(0);
        }
        let client = connection.client.try_clone().ok()?;
        if carries(&mut self.cut_after, said, client) {
            return Some(said.len());
        }
        self.cuts += 1;
        None
    }
}

/// Whether all of this is carried: of what is more than is left to be carried, the beginning goes to the other end.
fn carries(left: &mut Option<u64>, said: &[u8], mut to: TcpStream) -> bool {
    let Some(bytes) = *left else { return true };
    let rest = bytes.checked_sub(said.len() as u64);
    if rest.is_none() {
        let part = usize::try_from(bytes).expect("it is less than what was said");
        let _ = to.write_all(&said[..part]);
    }
    *left = rest;
    rest.is_some()
}

impl Connection {
    fn new(number: usize, client: TcpStream, server: TcpStream) -> Self {
        Self { number, client, server, said: Vec::new(), loses_reply: false, is_broken: false }
    }

    fn shut(&self) {
        for end in [&self.client, &self.server] {
            let _ = end.shutdown(Shutdown::Both);
        }
    }
}
