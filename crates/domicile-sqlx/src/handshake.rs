//! What is asked of a database before it is used as a home.

use std::collections::HashMap;
use std::fmt::Debug;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use domicile::Home;
use tokio::sync::Notify;

use crate::Error;
use crate::capability::Capability;

/// The homes that have been opened, by what their databases say that they are.
#[derive(Debug, Default)]
pub(crate) struct Identities {
    claims: Mutex<HashMap<String, Claim>>,
}

/// What a home has of an identity.
#[derive(Debug)]
struct Claim {
    home: Home,
    // For as long as one of these lives: a home that got another database has let go of the one that it had, when the
    // last operation has ended that began with it.
    holders: Vec<Weak<Holder>>,
}

/// The databases that a home has, for as long as somebody can use them.
#[derive(Debug, Default)]
pub(crate) struct Holder(());

impl Identities {
    fn claim(&self, home: &Home, identity: String, holder: &Weak<Holder>) -> Result<(), Error> {
        let mut claims = self.claims.lock().unwrap_or_else(PoisonError::into_inner);
        claims.retain(|_, claim| claim.holders.iter().any(|holder| holder.strong_count() > 0));
        let claim = claims.entry(identity.clone());
        let claim = claim.or_insert_with(|| Claim { home: home.clone(), holders: Vec::new() });
        if claim.home != *home {
            let database = format!("{identity}; if these are two that say the same, `Homes::mark` tells them apart");
            return Err(Error::SameDatabase { one: claim.home.clone(), other: home.clone(), database });
        }
        if !claim.holders.iter().any(|held| held.ptr_eq(holder)) {
            claim.holders.push(Weak::clone(holder));
        }
        Ok(())
    }
}

/// The questions to a database, and the answers that it must give.
#[derive(Clone, Debug)]
pub(crate) struct Handshake {
    pub(crate) home: Home,
    pub(crate) is_replica: bool,
    pub(crate) marker: Marker,
    pub(crate) identities: Arc<Identities>,
    // The pools' own. A connection that is closed by and by asks questions, but keeps the database from nobody.
    pub(crate) holder: Weak<Holder>,
}

/// What is asked of the marker. One that names another home is refused whatever is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Marker {
    /// There may be one.
    Optional,
    /// There must be one.
    Required,
    /// There will be one, because the database is about to be marked.
    Coming,
}

impl Handshake {
    pub(crate) async fn shake<DB: Capability>(&self, connection: &mut DB::Connection) -> Result<(), Error> {
        if self.is_replica {
            DB::forbid_writes(connection).await?;
        }
        match (DB::marker(connection).await?, self.marker) {
            (Some(marked), _) if marked != self.home.as_str() => {
                Err(Error::WrongHome { home: self.home.clone(), marked })
            }
            // What has a marker is told from all others by it, and need not be by anything else.
            (Some(_), _) | (None, Marker::Coming) => Ok(()),
            (None, Marker::Required) => Err(Error::Unmarked { home: self.home.clone() }),
            // Last, so that a database that is refused is not taken from the home that it belongs to.
            (None, Marker::Optional) => match DB::identity(connection).await? {
                Some(identity) => self.identities.claim(&self.home, identity, &self.holder),
                None => Ok(()),
            },
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
