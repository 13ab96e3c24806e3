//! What the ledger of the promises reads.

use kintsugi_entities::{Batch, Bounds, Store};

use crate::make::{batch, dead_letter, id, run, write};

const WIDE: Bounds = Bounds { versions: 10, state: 1_000, history: 1_000 };

/// State, positions of the history, and letters of a run that is read within `bounds`.
async fn read(store: &Store, bounds: Bounds) -> (usize, Option<Vec<i64>>, usize) {
    let found = store.ledger_runs(&[id("a"), id("gone")], bounds).await.unwrap();
    let [found] = &found[..] else { panic!("one run is there: {found:?}") };
    assert_eq!((found.version, found.definition.as_str()), (2, "shop/order:1.0.0"));
    let history = found.history.as_ref();
    let positions = history.map(|rows| rows.iter().map(|(seq, _)| *seq).collect());
    (found.state.len(), positions, found.letters.len())
}

pub(crate) async fn runs_beyond_the_bounds_are_not_read_whole(store: Store) {
    store.runs_create(&[run("a"), run("b")]).await.unwrap();
    store.commit_batch(&batch(vec![write("a", 0)])).await.unwrap();
    let dead_letters = vec![dead_letter("a", 1, 1)];
    let last = Batch { dead_letters, ..batch(vec![write("a", 1)]) };
    let (state, steps) = (last.runs[0].state.len(), 2 * last.runs[0].history.steps.len());
    store.commit_batch(&last).await.unwrap();
    let (state_max, steps_max) = (i64::try_from(state).unwrap(), i64::try_from(steps).unwrap());

    let exact = Bounds { versions: 2, state: state_max, history: steps_max };
    for bounds in [WIDE, exact] {
        assert_eq!(read(&store, bounds).await, (state, Some(vec![1, 2]), 1));
    }
    for bounds in [
        Bounds { versions: 1, ..exact },
        Bounds { state: state_max - 1, ..exact },
        Bounds { history: steps_max - 1, ..exact },
    ] {
        assert_eq!(read(&store, bounds).await, (0, None, 1), "{bounds:?}");
    }
    let fresh = store.ledger_runs(&[id("b")], WIDE).await.unwrap();
    assert_eq!(fresh[0].history.as_deref(), Some(&[][..]), "nothing happened yet");
    assert!(!fresh[0].state.is_empty());
}
