//! The databases of the homes: one primary each, and what replicas it has.

use std::collections::{BTreeMap, HashSet};
use std::fmt::{self, Debug};
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use domicile::{Home, Role};
use sqlx::pool::PoolConnection;

use crate::Error;
use crate::capability::{Capability, Options};
use crate::handshake::{Handshake, Identities};
use crate::lease::Lease;
use crate::pool::Pool;
use crate::settings::Settings;

/// The databases of all homes at one moment.
pub(crate) struct Databases<DB: Capability> {
    pub(crate) homes: BTreeMap<Home, Arc<HomeDatabases<DB>>>,
    // What is asked for each statement of MySQL is looked up, and not searched for among all homes.
    pub(crate) names: HashSet<String>,
}

impl<DB: Capability> Default for Databases<DB> {
    fn default() -> Self {
        Self { homes: BTreeMap::new(), names: HashSet::new() }
    }
}

impl<DB: Capability> Databases<DB> {
    /// Takes the homes together, and refuses two that their options alone show to be one database.
    pub(crate) fn new(homes: BTreeMap<Home, Arc<HomeDatabases<DB>>>) -> Result<Self, Error> {
        let mut seen: BTreeMap<&str, &Home> = BTreeMap::new();
        for (home, databases) in &homes {
            for place in &databases.places {
                if let Some(one) = seen.insert(place, home).filter(|one| *one != home) {
                    let (one, other) = (one.clone(), home.clone());
                    return Err(Error::SameDatabase { one, other, database: place.clone() });
                }
            }
        }
        let names = homes.values().filter_map(|databases| databases.name.as_ref()).map(|name| name.to_lowercase());
        Ok(Self { names: names.collect(), homes })
    }
}

/// Where the databases of one home are, before they are opened.
pub(crate) struct HomeUrls {
    pub(crate) primary: String,
    pub(crate) replicas: Vec<String>,
}

/// The databases of one home.
pub(crate) struct HomeDatabases<DB: Capability> {
    primary: Arc<Pool<DB>>,
    replicas: Vec<Arc<Pool<DB>>>,
    next_replica: AtomicUsize,
    pub(crate) name: Option<String>,
    places: Vec<String>,
}

impl<DB: Capability> HomeDatabases<DB> {
    /// Reads the URLs of a home. Nothing is connected to.
    pub(crate) fn new(
        home: &Home,
        urls: &HomeUrls,
        settings: &Settings,
        identities: &Arc<Identities>,
    ) -> Result<Self, Error> {
        let primary = options::<DB>(home, &urls.primary)?;
        let replicas = urls.replicas.iter().map(|url| Ok(DB::read_only(options::<DB>(home, url)?)));
        let replicas = replicas.collect::<Result<Vec<_>, Error>>()?;
        let name = DB::database_name(&primary);
        let places = std::iter::once(&primary).chain(&replicas).filter_map(DB::place).collect();
        let holder = Arc::default();
        let pool = |options, is_replica| {
            let handshake = Handshake {
                home: home.clone(),
                is_replica,
                marker: settings.marker,
                identities: Arc::clone(identities),
                holder: Arc::downgrade(&holder),
            };
            Pool::new(options, handshake, &holder, settings.bounds, &settings.budget)
        };
        Ok(Self {
            primary: pool(primary, false),
            replicas: replicas.into_iter().map(|options| pool(options, true)).collect(),
            next_replica: AtomicUsize::new(0),
            name,
            places,
        })
    }

    pub(crate) fn primary(&self) -> &Arc<Pool<DB>> {
        &self.primary
    }

    /// Takes a connection; one to a replica answers.
    pub(crate) async fn lease(&self, role: Role) -> Result<Lease<DB>, Error> {
        match role {
            Role::Replica if !self.replicas.is_empty() => Box::pin(self.connect(role)).await.map(|(lease, _)| lease),
            _ => self.primary.lease().await,
        }
    }

    /// Takes a connection that answers. Where a replica may, and it cannot be connected to, the next one is asked, and
    /// at last the primary.
    pub(crate) async fn connect(&self, role: Role) -> Result<(Lease<DB>, PoolConnection<DB>), Error> {
        let deadline = self.primary.deadline();
        let replicas = self.replicas_in_turn(role);
        for (tried, replica) in replicas.iter().enumerate() {
            // Boxed for the sake of those that ask none: it is large, and would be moved for each statement.
            match Box::pin(replica.connect(deadline.for_one_of(replicas.len() - tried + 1))).await {
                Err(error @ Error::Connect { .. }) => {
                    tracing::warn!(home = %replica.home(), %error, "a replica is passed over");
                }
                connected => return connected,
            }
        }
        self.primary.connect(deadline).await
    }

    /// The replicas that may answer, another one first each time. One that could not be connected to just now is left
    /// out.
    fn replicas_in_turn(&self, role: Role) -> Vec<&Arc<Pool<DB>>> {
        if role == Role::Primary || self.replicas.is_empty() {
            return Vec::new();
        }
        let first = self.next_replica.fetch_add(1, Ordering::Relaxed) % self.replicas.len();
        let (before, from) = self.replicas.split_at(first);
        from.iter().chain(before).filter(|replica| !replica.is_resting()).collect()
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<Pool<DB>>> {
        std::iter::once(&self.primary).chain(&self.replicas)
    }

    pub(crate) fn contacts(&self) -> Contacts {
        Contacts {
            primary: self.primary.leases(),
            replicas: self.replicas.iter().map(|replica| replica.leases()).sum(),
        }
    }
}

impl<DB: Capability> Debug for HomeDatabases<DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HomeDatabases({}, {} replicas)", self.primary.home(), self.replicas.len())
    }
}

fn options<DB: Capability>(home: &Home, url: &str) -> Result<Options<DB>, Error> {
    let refuse = |why: String| Error::Url { home: home.clone(), why };
    // SQLite would take any text for the name of a file.
    if !DB::URL_SCHEMES.iter().any(|scheme| url.split_once(':').is_some_and(|(begin, _)| begin == *scheme)) {
        let schemes: Vec<_> = DB::URL_SCHEMES.iter().map(|scheme| format!("`{scheme}:`")).collect();
        return Err(refuse(format!("it must begin with {}, as one of {} does", schemes.join(" or "), DB::NAME)));
    }
    Options::<DB>::from_str(url).map_err(|error| refuse(error.to_string()))
}

/// How many times the databases of a home were contacted; see [`Homes::contacts`](crate::Homes::contacts).
///
/// ```
/// use domicile::{Home, RoutingKey, context};
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/two_homes.rs"));
/// # #[tokio::main] async fn main() -> Shown { let homes = two_homes();
/// context::scope(RoutingKey::new("ES"), sqlx::query("SELECT 1").execute(&homes)).await?;
/// let es = homes.contacts()[&Home::new("es")?];
/// // Nobody has said that an old answer will do, so that no replica was asked.
/// assert_eq!((es.primary, es.replicas), (1, 0));
/// # Ok(()) }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Contacts {
    /// The primary.
    pub primary: u64,
    /// All its replicas together.
    pub replicas: u64,
}
