//! The map from routing keys to homes.

#[cfg(feature = "toml")]
mod configured;

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use foldhash::fast::RandomState;

use crate::{Error, Home, RoutingKey};

/// The map from routing keys to homes. Many keys may share a home, and a key has one home. It never changes once built.
///
/// ```
/// use domicile::{Home, Placement, RoutingKey};
///
/// # fn main() -> Result<(), domicile::Error> {
/// let placement = Placement::builder()
///     .place(RoutingKey::new("ES"), Home::new("iberia")?, "domicile.toml:12")
///     .place(RoutingKey::new("PT"), Home::new("iberia")?, "domicile.toml:13")
///     .home(Home::new("fr")?)
///     .build()?;
/// let placed = placement.home_of(&RoutingKey::new("PT")).unwrap();
/// assert_eq!(placed.home().as_str(), "iberia");
/// assert_eq!(placed.origin(), "domicile.toml:13");
/// assert!(placement.home_of(&RoutingKey::new("IT")).is_none());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Placement {
    // Looked up for each operation, so that the hash is a quick one; keys are the program's own.
    placed: HashMap<RoutingKey, Arc<Placed>, RandomState>,
    homes: BTreeSet<Home>,
}

/// The home of a routing key, and what placed it there.
///
/// ```
/// use domicile::{Home, Placement, RoutingKey};
///
/// # fn main() -> Result<(), domicile::Error> {
/// let (key, home) = (RoutingKey::new("ES"), Home::new("es")?);
/// let placement = Placement::builder().place(key.clone(), home.clone(), "domicile.toml:12").build()?;
/// assert_eq!(placement.home_of(&key).unwrap().home(), &home);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed {
    key: RoutingKey,
    home: Home,
    origin: Arc<str>,
}

impl Placed {
    /// Says that a key belongs in a home, for a [`Router`](crate::Router) that knows it by a rule of its own. `origin` says
    /// in messages who says so.
    ///
    /// ```
    /// # use domicile::{Home, Placed, RoutingKey};
    /// let placed = Placed::new(RoutingKey::new("ES"), Home::new("es").unwrap(), "the rule of the first letter");
    /// assert_eq!(placed.home().as_str(), "es");
    /// ```
    pub fn new(key: RoutingKey, home: Home, origin: impl Into<Arc<str>>) -> Self {
        Self { key, home, origin: origin.into() }
    }

    /// Returns the home of the key.
    ///
    /// ```
    /// # use domicile::{Home, Placement, RoutingKey};
    /// # let (key, home) = (RoutingKey::new("ES"), Home::new("es").unwrap());
    /// # let placement = Placement::builder().place(key.clone(), home, "domicile.toml:12").build().unwrap();
    /// assert_eq!(placement.home_of(&key).unwrap().home().as_str(), "es");
    /// ```
    pub fn home(&self) -> &Home {
        &self.home
    }

    /// Returns what placed the key, for messages: the text given to [`PlacementBuilder::place`].
    ///
    /// ```
    /// # use domicile::{Home, Placement, RoutingKey};
    /// # let (key, home) = (RoutingKey::new("ES"), Home::new("es").unwrap());
    /// # let placement = Placement::builder().place(key.clone(), home, "domicile.toml:12").build().unwrap();
    /// assert_eq!(placement.home_of(&key).unwrap().origin(), "domicile.toml:12");
    /// ```
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Returns the key.
    ///
    /// ```
    /// # use domicile::{Home, Placement, RoutingKey};
    /// # let (key, home) = (RoutingKey::new("ES"), Home::new("es").unwrap());
    /// # let placement = Placement::builder().place(key.clone(), home, "domicile.toml:12").build().unwrap();
    /// assert_eq!(placement.home_of(&key).unwrap().key(), &key);
    /// ```
    pub fn key(&self) -> &RoutingKey {
        &self.key
    }
}

impl Placement {
    /// Starts a placement with no keys and no homes.
    ///
    /// ```
    /// let placement = domicile::Placement::builder().build().unwrap();
    /// assert_eq!(placement.homes().count(), 0);
    /// ```
    pub fn builder() -> PlacementBuilder {
        PlacementBuilder { placed: Vec::new(), homes: BTreeSet::new() }
    }

    /// Returns the home of a key, or `None` if the key was not placed.
    ///
    /// ```
    /// # use domicile::{Home, Placement, RoutingKey};
    /// # let (key, home) = (RoutingKey::new("ES"), Home::new("es").unwrap());
    /// let placement = Placement::builder().place(key.clone(), home, "domicile.toml:12").build().unwrap();
    /// assert!(placement.home_of(&key).is_some());
    /// assert!(placement.home_of(&RoutingKey::new("IT")).is_none());
    /// ```
    pub fn home_of(&self, key: &RoutingKey) -> Option<&Placed> {
        self.placed.get(key).map(Arc::as_ref)
    }

    /// The same, as it is kept by who decides by it.
    pub(crate) fn shared_home_of(&self, key: &RoutingKey) -> Option<&Arc<Placed>> {
        self.placed.get(key)
    }

    /// Returns all homes, sorted by name.
    ///
    /// ```
    /// # use domicile::{Home, Placement, RoutingKey};
    /// # fn main() -> Result<(), domicile::Error> {
    /// let placement = Placement::builder().home(Home::new("fr")?).home(Home::new("es")?).build()?;
    /// let names: Vec<&str> = placement.homes().map(Home::as_str).collect();
    /// assert_eq!(names, ["es", "fr"]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn homes(&self) -> impl Iterator<Item = &Home> {
        self.homes.iter()
    }

    pub(crate) fn has_home(&self, home: &Home) -> bool {
        self.homes.contains(home)
    }

    /// Returns the keys that are placed in a home, sorted; none for a home that is not of this placement.
    ///
    /// ```
    /// # use domicile::{Home, Placement, RoutingKey};
    /// # fn main() -> Result<(), domicile::Error> {
    /// let iberia = Home::new("iberia")?;
    /// let placement = Placement::builder()
    ///     .place(RoutingKey::new("PT"), iberia.clone(), "domicile.toml:13")
    ///     .place(RoutingKey::new("ES"), iberia.clone(), "domicile.toml:12")
    ///     .build()?;
    /// let keys: Vec<&str> = placement.keys_of(&iberia).map(RoutingKey::as_str).collect();
    /// assert_eq!(keys, ["ES", "PT"]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn keys_of(&self, home: &Home) -> impl Iterator<Item = &RoutingKey> {
        let mut keys: Vec<_> =
            self.placed.values().filter(|placed| placed.home == *home).map(|placed| &placed.key).collect();
        keys.sort();
        keys.into_iter()
    }
}

/// Collects keys and homes for a [`Placement`].
///
/// ```
/// let builder = domicile::Placement::builder();
/// assert!(builder.build().is_ok());
/// ```
#[derive(Clone, Debug)]
#[must_use = "a placement exists only once it is built"]
pub struct PlacementBuilder {
    placed: Vec<Placed>,
    homes: BTreeSet<Home>,
}

impl PlacementBuilder {
    /// Places a key in a home. `origin` says in messages who placed it, such as `domicile.toml:12`.
    ///
    /// ```
    /// # use domicile::{Home, Placement, RoutingKey};
    /// # fn main() -> Result<(), domicile::Error> {
    /// let builder = Placement::builder().place(RoutingKey::new("ES"), Home::new("es")?, "domicile.toml:12");
    /// assert!(builder.build().is_ok());
    /// # Ok(())
    /// # }
    /// ```
    pub fn place(mut self, key: RoutingKey, home: Home, origin: impl Into<Arc<str>>) -> Self {
        self.homes.insert(home.clone());
        self.placed.push(Placed::new(key, home, origin));
        self
    }

    /// Adds a home, which may have no keys. Adding a home again changes nothing.
    ///
    /// ```
    /// # use domicile::{Home, Placement};
    /// # fn main() -> Result<(), domicile::Error> {
    /// let placement = Placement::builder().home(Home::new("es")?).build()?;
    /// assert_eq!(placement.homes().count(), 1);
    /// # Ok(())
    /// # }
    /// ```
    pub fn home(mut self, home: Home) -> Self {
        self.homes.insert(home);
        self
    }

    /// Builds the placement.
    ///
    /// # Errors
    ///
    /// [`Error::is_placed_twice`] if a key was placed more than once, be it in two homes or twice in the same.
    ///
    /// ```
    /// # use domicile::{Home, Placement, RoutingKey};
    /// # fn main() -> Result<(), domicile::Error> {
    /// let twice = Placement::builder()
    ///     .place(RoutingKey::new("ES"), Home::new("es")?, "domicile.toml:12")
    ///     .place(RoutingKey::new("ES"), Home::new("fr")?, "domicile.toml:13")
    ///     .build();
    /// assert!(twice.unwrap_err().is_placed_twice());
    /// # Ok(())
    /// # }
    /// ```
    pub fn build(self) -> Result<Placement, Error> {
        let mut map = HashMap::default();
        for placed in self.placed {
            match map.entry(placed.key.clone()) {
                Entry::Vacant(slot) => {
                    slot.insert(Arc::new(placed));
                }
                Entry::Occupied(slot) => return Err(Error::placed_twice(slot.key(), slot.get(), &placed)),
            }
        }
        Ok(Placement { placed: map, homes: self.homes })
    }
}
