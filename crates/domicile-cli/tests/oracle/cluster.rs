//! The servers of all histories, each behind a proxy. They are started once.

use std::collections::BTreeMap;

use domicile_testkit::Proxy;

use crate::database::{Database, Kind, SharedServer};
use crate::history::Side;

/// A server, the way to it, and how it is.
pub(crate) struct Place {
    pub(crate) server: SharedServer,
    pub(crate) proxy: Proxy,
    pub(crate) is_down: bool,
    pub(crate) is_paused: bool,
}

/// Servers by what they are for.
pub(crate) struct Cluster {
    places: BTreeMap<(Side, Kind), Place>,
}

impl Cluster {
    /// The servers for homes; nothing where they are not installed.
    pub(crate) fn start() -> Option<Self> {
        let homes = [(Side::PostgresHomes, Kind::Postgres), (Side::MariaDbHomes, Kind::MariaDb)];
        let places = homes.map(|(side, kind)| Some(((side, kind), Place::start(kind)?)));
        let places = places.into_iter().collect::<Option<_>>()?;
        Some(Self { places })
    }

    /// The server of a source of a kind, which is started where it was not needed before; a file has none.
    pub(crate) fn source(&mut self, kind: Kind) -> Option<&Place> {
        let key = (Side::Source, kind);
        if kind != Kind::Sqlite && !self.places.contains_key(&key) {
            self.places.insert(key, Place::start(kind).expect("servers for homes of this kind are there"));
        }
        self.places.get(&key)
    }

    /// The server of homes of a kind; files have none.
    pub(crate) fn homes(&self, kind: Kind) -> Option<&Place> {
        self.places.iter().find(|((side, of), _)| *side != Side::Source && *of == kind).map(|(_, place)| place)
    }

    /// The server that a step of a history means, whose source is of a kind.
    pub(crate) fn place(&mut self, side: Side, source: Kind) -> Option<&mut Place> {
        let kind = match side {
            Side::PostgresHomes => Kind::Postgres,
            Side::MariaDbHomes => Kind::MariaDb,
            Side::Source => source,
        };
        self.places.get_mut(&(side, kind))
    }

    /// Whether what a database is asked by a test would be answered.
    pub(crate) fn answers(&self, database: &Database) -> bool {
        let Database::Of { server, .. } = database else { return true };
        let is_it = |place: &&Place| std::rc::Rc::ptr_eq(&place.server, server);
        self.places.values().find(is_it).is_some_and(Place::answers)
    }

    /// How many connections were cut until now.
    pub(crate) fn cuts(&self) -> u64 {
        self.places.values().map(|place| place.proxy.cuts() as u64).sum()
    }

    /// Puts an end to all faults.
    pub(crate) fn heal(&mut self) {
        self.places.values_mut().for_each(Place::heal);
    }
}

impl Place {
    fn start(kind: Kind) -> Option<Self> {
        let server = kind.start()?;
        let proxy = Proxy::to(&server.borrow());
        Some(Self { server, proxy, is_down: false, is_paused: false })
    }

    pub(crate) fn answers(&self) -> bool {
        !self.is_down && !self.is_paused
    }

    /// Where a database of the server is behind the proxy.
    pub(crate) fn url(&self, name: &str) -> String {
        self.proxy.url(&self.server.borrow(), name)
    }

    pub(crate) fn resume(&mut self) -> bool {
        let was_paused = std::mem::take(&mut self.is_paused);
        if was_paused {
            self.server.borrow_mut().resume();
        }
        was_paused
    }

    pub(crate) fn start_again(&mut self) -> bool {
        let was_down = std::mem::take(&mut self.is_down);
        if was_down {
            self.server.borrow_mut().start_again();
        }
        was_down
    }

    fn heal(&mut self) {
        self.resume();
        self.start_again();
        self.proxy.heal();
    }
}
