//! The order in which a home takes from the sources of a run.
//!
//! Sources are read side by side, but a home takes from one of them at a time, in the order of the configuration: two would
//! write to the same tables, and where the home is a file, one of them would wait for the other's transaction. So a home that
//! catches up with one source is left out where the next one is read for all others, and takes from that later, by itself. Homes
//! that wait for a source which cannot be read wait for nobody else.

use std::collections::BTreeSet;

use tokio::sync::watch;

/// By source, the numbers of the databases that have not taken everything from it that they take in this run.
type Taking = Vec<BTreeSet<usize>>;

/// One source's place in the order. When it is dropped, nobody takes from the source any more.
pub(super) struct Place {
    number: usize,
    taking: watch::Sender<Taking>,
}

/// A place for each source, in their order.
pub(super) fn places(sources: usize, databases: usize) -> Vec<Place> {
    let taking = watch::Sender::new(vec![(0..databases).collect(); sources]);
    (0..sources).map(|number| Place { number, taking: taking.clone() }).collect()
}

impl Place {
    /// Whether a database has taken everything from all sources before this one.
    pub(super) fn is_free(&self, slot: usize) -> bool {
        self.taking.borrow()[..self.number].iter().all(|slots| !slots.contains(&slot))
    }

    /// Waits until one of these is free.
    pub(super) async fn freed(&self, slots: &[usize]) {
        let is_free =
            |taking: &Taking| slots.iter().any(|slot| taking[..self.number].iter().all(|of| !of.contains(slot)));
        // The sender is this one, so that there is one as long as it is waited for.
        let _ = self.taking.subscribe().wait_for(is_free).await;
    }

    /// A database takes nothing more from this source.
    pub(super) fn is_done(&self, slot: usize) {
        self.taking.send_if_modified(|taking| taking[self.number].remove(&slot));
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.taking.send_modify(|taking| taking[self.number].clear());
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[test]
    fn a_home_takes_from_a_source_once_it_is_done_with_all_before() {
        let [first, second, third] = places(3, 2).try_into().ok().unwrap();
        let free = |place: &Place| [place.is_free(0), place.is_free(1)];
        assert_eq!((free(&first), free(&second)), ([true, true], [false, false]));
        first.is_done(1);
        assert_eq!((free(&second), free(&third)), ([false, true], [false, false]));
        assert!(third.freed(&[0, 1]).now_or_never().is_none());
        second.is_done(1);
        assert!(third.freed(&[0]).now_or_never().is_none());
        assert!(third.freed(&[0, 1]).now_or_never().is_some());
        // It was done with the second before, as one is of which that is not read.
        second.is_done(0);
        assert_eq!(free(&third), [false, true]);
        drop(first);
        assert_eq!((free(&second), free(&third)), ([true, true], [true, true]));
    }
}
