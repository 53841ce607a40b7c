//! One result per home, and how several become one.

use std::cmp::Ordering;
use std::fmt::{self, Debug, Display};

use crate::{Error, Home, Located};

/// What the results of the homes are made by, which says how they may become one.
///
/// ```
/// use domicile::Aggregate;
///
/// assert_eq!(Aggregate::Other("avg".into()).to_string(), "avg");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Aggregate {
    /// Rows as they are.
    Rows,
    /// A sum: the sum of the homes' sums is the sum of all.
    Sum,
    /// A count: the sum of the homes' counts is the count of all.
    Count,
    /// The least value: the least of the homes' is the least of all.
    Min,
    /// The greatest value: the greatest of the homes' is the greatest of all.
    Max,
    /// An aggregate that cannot be made of the homes' results, by its name, such as `avg`.
    Other(String),
    /// It is not known what the results are.
    Unknown,
}

impl Display for Aggregate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rows => "rows",
            Self::Sum => "sum",
            Self::Count => "count",
            Self::Min => "min",
            Self::Max => "max",
            Self::Other(name) => name,
            Self::Unknown => "something unknown",
        })
    }
}

/// The result of each home of an operation that was sent to several, in the order of their names.
///
/// A home that failed is there with its error. What takes all results together fails with the first of them, so that a
/// home that is down is never a number that is too small. It fails as well where no home was asked: that nobody was
/// asked is no count of 0.
///
/// `T` is what a home answered, `E` why one did not.
///
/// ```
/// use domicile::{Aggregate, EachHome, Home};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let counts = [(Home::new("es")?, Ok(3_i64)), (Home::new("fr")?, Ok(4))];
/// let counts: EachHome<i64, std::io::Error> = EachHome::new(counts, Aggregate::Count);
/// assert_eq!(counts.count()?, 7);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use = "a home may have failed"]
pub struct EachHome<T, E> {
    results: Vec<(Home, Result<T, E>)>,
    aggregate: Aggregate,
}

/// Why results of homes did not become one.
///
/// `E` is what a home fails with. A home that failed may answer the next time; a merge that was refused never becomes
/// one.
///
/// ```
/// use domicile::{Aggregate, EachHome, Home, MergeError};
///
/// # fn main() -> Result<(), domicile::Error> {
/// let (es, fr) = (Home::new("es")?, Home::new("fr")?);
/// let counts = EachHome::new([(es, Ok(3)), (fr, Err("it is down"))], Aggregate::Count);
/// let told = match counts.count() {
///     Ok(count) => format!("{count} orders"),
///     Err(MergeError::Home { home, error }) => format!("{home} cannot be asked now: {error}"),
///     Err(other) => format!("this must not be asked of homes: {other}"),
/// };
/// assert_eq!(told, "fr cannot be asked now: it is down");
/// # Ok(())
/// # }
/// ```
#[derive(thiserror::Error, Debug)]
#[non_exhaustive]
pub enum MergeError<E> {
    /// A home has failed.
    #[error("home {home} failed: {error}")]
    Home {
        /// The home.
        home: Home,
        /// Its error.
        error: E,
    },
    /// They must not become one in this way.
    #[error(transparent)]
    Refused(Error),
}

impl<E> MergeError<E> {
    /// Returns the home that failed, if one did.
    ///
    /// ```
    /// use domicile::{Aggregate, EachHome, Home};
    ///
    /// let down = [(Home::new("es").unwrap(), Err::<i64, _>("is down"))];
    /// let error = EachHome::new(down, Aggregate::Count).count().unwrap_err();
    /// assert_eq!(error.home().unwrap().as_str(), "es");
    /// ```
    pub fn home(&self) -> Option<&Home> {
        match self {
            Self::Home { home, .. } => Some(home),
            Self::Refused(_) => None,
        }
    }
}

impl<T, E> EachHome<T, E> {
    /// Makes it of the homes' results.
    ///
    /// ```
    /// use domicile::{Aggregate, EachHome, Home};
    ///
    /// let each: EachHome<i64, ()> = EachHome::new([(Home::new("es").unwrap(), Ok(3))], Aggregate::Count);
    /// assert_eq!(each.len(), 1);
    /// ```
    pub fn new(results: impl IntoIterator<Item = (Home, Result<T, E>)>, aggregate: Aggregate) -> Self {
        let mut results: Vec<_> = results.into_iter().collect();
        results.sort_by(|(one, _), (other, _)| one.cmp(other));
        Self { results, aggregate }
    }

    /// Says what the results are made by, where it was not known when they were asked for.
    ///
    /// ```
    /// # use domicile::{Aggregate, EachHome, Home};
    /// let each: EachHome<i64, ()> = EachHome::new([(Home::new("es").unwrap(), Ok(3))], Aggregate::Unknown);
    /// assert_eq!(each.made_by(Aggregate::Count).count().unwrap(), 3);
    /// ```
    pub fn made_by(self, aggregate: Aggregate) -> Self {
        Self { aggregate, ..self }
    }

    /// Returns how many homes were asked.
    ///
    /// ```
    /// # use domicile::{Aggregate, EachHome};
    /// assert_eq!(EachHome::<i64, ()>::new([], Aggregate::Count).len(), 0);
    /// ```
    pub fn len(&self) -> usize {
        self.results.len()
    }

    /// Returns whether no home was asked.
    ///
    /// ```
    /// # use domicile::{Aggregate, EachHome};
    /// assert!(EachHome::<i64, ()>::new([], Aggregate::Count).is_empty());
    /// ```
    pub fn is_empty(&self) -> bool {
        self.results.is_empty()
    }

    /// Returns each home with its result.
    ///
    /// ```
    /// # use domicile::{Aggregate, EachHome, Home};
    /// let each: EachHome<i64, ()> = EachHome::new([(Home::new("es").unwrap(), Ok(3))], Aggregate::Count);
    /// assert!(each.iter().all(|(_, result)| result.is_ok()));
    /// ```
    pub fn iter(&self) -> impl Iterator<Item = (&Home, &Result<T, E>)> {
        self.results.iter().map(|(home, result)| (home, result))
    }

    /// Makes another result of each home's.
    ///
    /// ```
    /// # use domicile::{Aggregate, EachHome, Home};
    /// let each: EachHome<i64, ()> = EachHome::new([(Home::new("es").unwrap(), Ok(3))], Aggregate::Count);
    /// assert_eq!(each.map(|count| count * 2).count().unwrap(), 6);
    /// ```
    pub fn map<U>(self, f: impl Fn(T) -> U) -> EachHome<U, E> {
        let results = self.results.into_iter().map(|(home, result)| (home, result.map(&f))).collect();
        EachHome { results, aggregate: self.aggregate }
    }

    /// Returns what all homes answered, each with its home.
    ///
    /// # Errors
    ///
    /// The first home that failed; [`Error::is_no_home`] if none was asked.
    ///
    /// ```
    /// # use domicile::{Aggregate, EachHome, Home};
    /// let each: EachHome<i64, ()> = EachHome::new([(Home::new("es").unwrap(), Ok(3))], Aggregate::Count);
    /// assert_eq!(*each.all().unwrap()[0], 3);
    /// ```
    pub fn all(self) -> Result<Vec<Located<T>>, MergeError<E>> {
        self.together("taken together")
    }

    /// The one way to all results at once.
    fn together(self, by: &str) -> Result<Vec<Located<T>>, MergeError<E>> {
        if self.is_empty() {
            return Err(MergeError::Refused(Error::no_home(by)));
        }
        let answer = |(home, result): (Home, Result<T, E>)| match result {
            Ok(answer) => Ok(Located::new(home, answer)),
            Err(error) => Err(MergeError::Home { home, error }),
        };
        self.results.into_iter().map(answer).collect()
    }

    fn merged(self, by: &str, suits: &[Aggregate]) -> Result<Vec<T>, MergeError<E>> {
        if !suits.contains(&self.aggregate) {
            return Err(MergeError::Refused(Error::unmergeable(by, &self.aggregate)));
        }
        Ok(self.together(by)?.into_iter().map(Located::into_value).collect())
    }
}

impl<E> EachHome<i64, E> {
    /// Adds the homes' counts up.
    ///
    /// # Errors
    ///
    /// A home that failed, or [`Error::is_no_home`]; [`Error::is_unmergeable`] for anything that is not a count, and
    /// for more than an `i64` holds.
    ///
    /// ```
    /// # use domicile::{Aggregate, EachHome, Home};
    /// let homes = [(Home::new("es").unwrap(), Ok::<_, ()>(3)), (Home::new("fr").unwrap(), Ok(2))];
    /// assert_eq!(EachHome::new(homes, Aggregate::Count).count().unwrap(), 5);
    /// ```
    pub fn count(self) -> Result<i64, MergeError<E>> {
        let counts = self.merged("counted", &[Aggregate::Count])?;
        counts.into_iter().try_fold(0_i64, i64::checked_add).ok_or_else(too_large)
    }
}

/// SQL's `sum`, `min` and `max` of no rows are NULL, so that a home without rows answers `None`.
impl<T, E> EachHome<Option<T>, E> {
    /// Adds the homes' sums up by `add`, such as `i64::checked_add`; `None` if no home had anything to add.
    ///
    /// # Errors
    ///
    /// A home that failed, or [`Error::is_no_home`]; [`Error::is_unmergeable`] for anything that is not a sum, and
    /// where `add` returns `None` because the type cannot hold the sum.
    ///
    /// ```
    /// # use domicile::{Aggregate, EachHome, Home, MergeError};
    /// let each = |aggregate| {
    ///     let homes = [(Home::new("es").unwrap(), Ok::<_, ()>(Some(3_i64))), (Home::new("fr").unwrap(), Ok(None))];
    ///     EachHome::new(homes, aggregate)
    /// };
    /// assert_eq!(each(Aggregate::Sum).sum(i64::checked_add).unwrap(), Some(3));
    /// let refused = each(Aggregate::Other("avg".into())).sum(i64::checked_add).unwrap_err();
    /// assert!(matches!(refused, MergeError::Refused(error) if error.is_unmergeable()));
    /// ```
    pub fn sum(self, mut add: impl FnMut(T, T) -> Option<T>) -> Result<Option<T>, MergeError<E>> {
        let mut sums = self.merged("summed up", &[Aggregate::Sum])?.into_iter().flatten();
        let Some(first) = sums.next() else { return Ok(None) };
        sums.try_fold(first, &mut add).map(Some).ok_or_else(too_large)
    }

    /// Returns the least of the homes' least values; `None` if no home had any.
    ///
    /// # Errors
    ///
    /// A home that failed, or [`Error::is_no_home`]; [`Error::is_unmergeable`] for anything that is not a minimum.
    ///
    /// ```
    /// # use domicile::{Aggregate, EachHome, Home};
    /// let homes = [(Home::new("es").unwrap(), Ok::<_, ()>(Some(3))), (Home::new("fr").unwrap(), Ok(None))];
    /// assert_eq!(EachHome::new(homes, Aggregate::Min).min().unwrap(), Some(3));
    /// ```
    pub fn min(self) -> Result<Option<T>, MergeError<E>>
    where
        T: PartialOrd,
    {
        let least = |one, other| if other < one { other } else { one };
        Ok(self.merged("compared for the least", &[Aggregate::Min])?.into_iter().flatten().reduce(least))
    }

    /// Returns the greatest of the homes' greatest values; `None` if no home had any.
    ///
    /// # Errors
    ///
    /// A home that failed, or [`Error::is_no_home`]; [`Error::is_unmergeable`] for anything that is not a maximum.
    ///
    /// ```
    /// # use domicile::{Aggregate, EachHome, Home};
    /// let homes = [(Home::new("es").unwrap(), Ok::<_, ()>(Some(3))), (Home::new("fr").unwrap(), Ok(Some(2)))];
    /// assert_eq!(EachHome::new(homes, Aggregate::Max).max().unwrap(), Some(3));
    /// ```
    pub fn max(self) -> Result<Option<T>, MergeError<E>>
    where
        T: PartialOrd,
    {
        let greatest = |one, other| if other > one { other } else { one };
        Ok(self.merged("compared for the greatest", &[Aggregate::Max])?.into_iter().flatten().reduce(greatest))
    }
}

fn too_large<E>() -> MergeError<E> {
    MergeError::Refused(Error::unmergeable_sum())
}

impl<T, E> EachHome<Vec<T>, E> {
    /// Returns the rows of all homes, each with its home, one home after the other. Where each home was asked for a number
    /// of rows, by `ORDER BY … LIMIT 10`, these are up to that many of each: [`top`](Self::top) takes the first of all.
    ///
    /// # Errors
    ///
    /// A home that failed, or [`Error::is_no_home`]; [`Error::is_unmergeable`] for the rows of an aggregate.
    ///
    /// ```
    /// # use domicile::{Aggregate, EachHome, Home};
    /// let homes = [(Home::new("es").unwrap(), Ok::<_, ()>(vec![1, 3])), (Home::new("fr").unwrap(), Ok(vec![2]))];
    /// let rows = EachHome::new(homes, Aggregate::Rows).rows().unwrap();
    /// assert_eq!((*rows[2], rows[2].home().as_str()), (2, "fr"));
    /// ```
    pub fn rows(self) -> Result<Vec<Located<T>>, MergeError<E>> {
        if self.aggregate != Aggregate::Rows {
            return Err(MergeError::Refused(Error::unmergeable("put together", &self.aggregate)));
        }
        let of_home = |located: Located<Vec<T>>| {
            let home = located.home().clone();
            located.into_value().into_iter().map(move |row| Located::new(home.clone(), row))
        };
        Ok(self.together("put together")?.into_iter().flat_map(of_home).collect())
    }

    /// Returns the first `k` rows of all homes in an order. Each home must have been asked for its own first `k` in the
    /// same order, or for all of its rows.
    ///
    /// # Errors
    ///
    /// As for [`rows`](Self::rows).
    ///
    /// ```
    /// # use domicile::{Aggregate, EachHome, Home};
    /// let homes = [(Home::new("es").unwrap(), Ok::<_, ()>(vec![1, 3])), (Home::new("fr").unwrap(), Ok(vec![2]))];
    /// let first = EachHome::new(homes, Aggregate::Rows).top(2, Ord::cmp).unwrap();
    /// assert_eq!((*first[0], *first[1]), (1, 2));
    /// ```
    pub fn top(self, k: usize, mut order: impl FnMut(&T, &T) -> Ordering) -> Result<Vec<Located<T>>, MergeError<E>> {
        let mut rows = self.rows()?;
        // Stable, so that equal rows stay in the order of their homes' names.
        rows.sort_by(|one, other| order(one, other));
        rows.truncate(k);
        Ok(rows)
    }
}

impl<T, E> IntoIterator for EachHome<T, E> {
    type Item = (Home, Result<T, E>);
    type IntoIter = std::vec::IntoIter<Self::Item>;

    fn into_iter(self) -> Self::IntoIter {
        self.results.into_iter()
    }
}
