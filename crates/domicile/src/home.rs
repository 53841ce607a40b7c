//! The name of a home.

use std::fmt::{self, Debug, Display};
use std::sync::Arc;

use crate::Error;

/// The longest name that a home may have; it is also the longest label of a DNS name.
const NAME_MAX_BYTES: usize = 63;

/// The name of a home: a configured database that is the one legal place for a set of routing keys.
///
/// ```
/// use domicile::Home;
///
/// # fn main() -> Result<(), domicile::Error> {
/// let home = Home::new("es")?;
/// assert_eq!(home.to_string(), "es");
/// assert_eq!(format!("{home:?}"), "Home(es)");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Home(Arc<str>);

impl Home {
    /// Makes the name of a home.
    ///
    /// # Errors
    ///
    /// [`Error::is_invalid_name`] unless the name has 1 to 63 of the characters `a-z`, `0-9`, `_` and `-`, and starts
    /// with a letter or a digit.
    ///
    /// ```
    /// use domicile::Home;
    ///
    /// assert!(Home::new("eu-west_1").is_ok());
    /// assert!(Home::new("España").unwrap_err().is_invalid_name());
    /// ```
    pub fn new(name: &str) -> Result<Self, Error> {
        let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let starts_well = name.bytes().next().is_some_and(is_plain);
        let goes_on_well = name.bytes().all(|byte| is_plain(byte) || byte == b'_' || byte == b'-');
        if starts_well && goes_on_well && name.len() <= NAME_MAX_BYTES {
            Ok(Self(name.into()))
        } else {
            Err(Error::invalid_name(name))
        }
    }

    /// Returns the name.
    ///
    /// ```
    /// assert_eq!(domicile::Home::new("es").unwrap().as_str(), "es");
    /// ```
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Display for Home {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Debug for Home {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Home({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::Home;

    #[test]
    fn names_are_accepted_or_refused_by_the_stated_rule() {
        let longest = "a".repeat(63);
        for good in ["a", "0", "es", "eu-west_1", "9-", longest.as_str()] {
            assert_eq!(Home::new(good).unwrap().as_str(), good);
        }
        let too_long = "a".repeat(64);
        for bad in ["", "_es", "-es", "ES", "e s", "e.s", "ñ", "es\n", too_long.as_str()] {
            let error = Home::new(bad).unwrap_err();
            assert!(error.is_invalid_name(), "{bad:?}");
            assert!(error.to_string().contains("1 to 63"), "{error}");
        }
    }
}
