//! What is asked of a database before it is used as a home.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt::Debug;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use domicile::Home;
use tokio::sync::Notify;

use crate::Error;
use crate::capability::Capability;

/// The homes that have been opened, by what their databases say that they are.
#[derive(Debug, Default)]
pub(crate) struct Identities {
    homes: Mutex<HashMap<String, Home>>,
}

impl Identities {
    fn claim(&self, home: &Home, identity: String) -> Result<(), Error> {
        let mut homes = self.homes.lock().unwrap_or_else(PoisonError::into_inner);
        match homes.entry(identity) {
            Entry::Vacant(free) => {
                free.insert(home.clone());
                Ok(())
            }
            Entry::Occupied(taken) if taken.get() == home => Ok(()),
            Entry::Occupied(taken) => Err(Error::SameDatabase {
                one: taken.get().clone(),
                other: home.clone(),
                database: taken.key().clone(),
            }),
        }
    }
}

/// The questions to a database, and the answers that it must give.
#[derive(Clone, Debug)]
pub(crate) struct Handshake {
    pub(crate) home: Home,
    pub(crate) is_replica: bool,
    pub(crate) needs_marker: bool,
    pub(crate) identities: Arc<Identities>,
}

impl Handshake {
    pub(crate) async fn shake<DB: Capability>(&self, connection: &mut DB::Connection) -> Result<(), Error> {
        if self.is_replica {
            DB::forbid_writes(connection).await?;
        }
        match DB::marker(connection).await? {
            Some(marked) if marked != self.home.as_str() => {
                return Err(Error::WrongHome { home: self.home.clone(), marked });
            }
            None if self.needs_marker => return Err(Error::Unmarked { home: self.home.clone() }),
            _ => {}
        }
        // Last, so that a database that is refused is not taken from the home that it belongs to.
        match DB::identity(connection).await? {
            Some(identity) => self.identities.claim(&self.home, identity),
            None => Ok(()),
        }
    }
}

/// Why a connection was refused, told to whoever waits for it: the driver would try again until its time is up.
#[derive(Debug, Default)]
pub(crate) struct Refused {
    has_told: AtomicBool,
    why: Mutex<Option<Error>>,
    told: Notify,
}

impl Refused {
    pub(crate) fn tell(&self, why: Error) {
        self.has_told.store(true, Ordering::Release);
        *self.why.lock().unwrap_or_else(PoisonError::into_inner) = Some(why);
        // Kept for one that waits later.
        self.told.notify_one();
    }

    /// Whether the connection was ever refused, and must not be used again.
    pub(crate) fn has_told(&self) -> bool {
        self.has_told.load(Ordering::Acquire)
    }

    /// Waits for `work`, or for the refusal of the connection that it needs.
    pub(crate) async fn or<T, E: From<Error>>(&self, work: impl Future<Output = Result<T, E>>) -> Result<T, E> {
        tokio::select! {
            biased;
            done = work => done,
            () = self.told.notified() => {
                let why = self.why.lock().unwrap_or_else(PoisonError::into_inner).take();
                Err(why.unwrap_or_else(|| Error::Statement("its connection was refused".into())).into())
            }
        }
    }
}
