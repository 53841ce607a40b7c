//! Reading a placement from a configuration file.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Placement, PlacementBuilder};
use crate::{Error, Home, RoutingKey};

impl Placement {
    /// Reads the placement from the `[homes]` of a configuration, the same that the command `domicile` reads. All other
    /// settings are left to whoever knows them. `name` is that of the file, for messages: where a key was placed is told
    /// by its line.
    ///
    /// With [`PlacementRouter::replace`](crate::PlacementRouter::replace) a program takes up a changed file without a
    /// restart.
    ///
    /// # Errors
    ///
    /// [`Error::is_invalid_configuration`] for a text that is not TOML, that has no homes, or whose homes are not written
    /// as below; [`Error::is_invalid_name`] and [`Error::is_placed_twice`]. Each names the file and the line.
    ///
    /// ```
    /// use domicile::{Placement, RoutingKey};
    ///
    /// # fn main() -> Result<(), domicile::Error> {
    /// let text = r#"
    /// [homes]
    /// france = "FR"
    /// iberia = ["ES", "PT"]
    /// germany = { url = "postgres://db.de/shop", keys = ["DE", "AT"] }
    /// "#;
    /// let placement = Placement::from_toml("domicile.toml", text)?;
    /// let placed = placement.home_of(&RoutingKey::new("PT")).unwrap();
    /// assert_eq!((placed.home().as_str(), placed.origin()), ("iberia", "domicile.toml:4"));
    ///
    /// // Each key may also have a home of its own, named by the key in lower case.
    /// let placement = Placement::from_toml("domicile.toml", r#"homes = ["ES", "FR"]"#)?;
    /// assert_eq!(placement.home_of(&RoutingKey::new("ES")).unwrap().home().as_str(), "es");
    /// # Ok(())
    /// # }
    /// ```
    pub fn from_toml(name: &str, text: &str) -> Result<Self, Error> {
        let file = File { name, text };
        let root = DeTable::parse(text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            file.error(at, error.message())
        })?;
        let Some(homes) = root.get_ref().get("homes") else {
            return Err(file.error(0, "it has no setting `homes`, such as `homes = [\"ES\", \"FR\"]`"));
        };
        let mut placement = Self::builder();
        match homes.get_ref() {
            DeValue::Array(keys) => {
                for (key, at) in file.keys(homes, keys.iter())? {
                    let home = file.home(&key.to_lowercase(), at)?;
                    placement = file.place(placement, key, home, at);
                }
            }
            DeValue::Table(named) => {
                for (named, keys) in named {
                    let home = file.home(named.get_ref(), named.span().start)?;
                    placement = placement.home(home.clone());
                    for (key, at) in file.keys_of_home(keys)? {
                        placement = file.place(placement, key, home.clone(), at);
                    }
                }
            }
            _ => return Err(file.error(homes.span().start, "`homes` is neither a list of keys nor a table of homes")),
        }
        if placement.homes.is_empty() {
            return Err(file.error(homes.span().start, "`homes` names no home, such as `homes = [\"ES\", \"FR\"]`"));
        }
        placement.build()
    }
}

struct File<'a> {
    name: &'a str,
    text: &'a str,
}

impl File<'_> {
    fn place_of(&self, at: usize) -> String {
        let before = self.text.get(..at).unwrap_or(self.text);
        format!("{}:{}", self.name, before.matches('\n').count() + 1)
    }

    fn error(&self, at: usize, why: &str) -> Error {
        Error::invalid_configuration(self.place_of(at), why)
    }

    fn home(&self, name: &str, at: usize) -> Result<Home, Error> {
        Home::new(name).map_err(|error| error.at(self.place_of(at)))
    }

    fn place(&self, placement: PlacementBuilder, key: String, home: Home, at: usize) -> PlacementBuilder {
        placement.place(RoutingKey::new(key), home, self.place_of(at))
    }

    /// A home's keys: one, a list, or the setting `keys` of a table.
    fn keys_of_home(&self, value: &Spanned<DeValue<'_>>) -> Result<Vec<(String, usize)>, Error> {
        match value.get_ref() {
            DeValue::Table(settings) => match settings.get("keys") {
                Some(keys) if !matches!(keys.get_ref(), DeValue::Table(_)) => self.keys_of_home(keys),
                Some(keys) => Err(self.error(keys.span().start, "`keys` is neither a key nor a list of keys")),
                None => Ok(Vec::new()),
            },
            DeValue::Array(keys) => self.keys(value, keys.iter()),
            _ => self.keys(value, std::iter::once(value)),
        }
    }

    fn keys<'v, 'd: 'v>(
        &self,
        all: &Spanned<DeValue<'_>>,
        keys: impl Iterator<Item = &'v Spanned<DeValue<'d>>>,
    ) -> Result<Vec<(String, usize)>, Error> {
        let key = |key: &Spanned<DeValue<'d>>| match key.get_ref() {
            DeValue::String(text) if !text.trim().is_empty() => Ok((text.to_string(), key.span().start)),
            _ => Err(self.error(all.span().start, "a routing key is a text that is not empty, in quotes")),
        };
        keys.map(key).collect()
    }
}
