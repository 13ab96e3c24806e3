//! The recovery log as a histogram.

use std::collections::{HashSet, VecDeque};

use kintsugi_entities::{Page, Store};
use kintsugi_mending::NOTED;

use crate::metrics::Metrics;

/// Rows read by one statement.
const PAGE: u32 = 500;

/// Rows read the first time: older ones are history.
const FIRST_MAX: usize = 5_000;

/// Entries that are remembered as counted. An entry may be rewritten while its recovery goes on.
const SEEN_MAX: usize = 20_000;

/// Which entries are counted.
#[derive(Default)]
pub(crate) struct Recoveries {
    seen: HashSet<String>,
    order: VecDeque<String>,
}

impl Recoveries {
    /// Counts the entries that came since.
    pub(crate) async fn observe(
        &mut self,
        store: &Store,
        metrics: &Metrics,
    ) -> Result<(), kintsugi_entities::Error> {
        let mut page = Page { limit: PAGE, cursor: None };
        let mut read = 0;
        loop {
            let found = store.recoveries_list(page, None, None).await?;
            let all = found.items.len();
            let new = found.items.into_iter().filter(|row| !self.seen.contains(&row.id));
            let new = new.collect::<Vec<_>>();
            let has_known = new.len() < all;
            // What is to come of an entry is counted when it is there.
            for row in new.into_iter().filter(|row| row.outcome != NOTED) {
                metrics.recovered(&row.kind, row.duration_ms);
                self.remember(row.id);
            }
            read += all;
            // Newest first: behind a known one everything is known.
            let Some(cursor) = found.next else { return Ok(()) };
            if has_known || read >= FIRST_MAX {
                return Ok(());
            }
            page = Page { limit: PAGE, cursor: Some(cursor) };
        }
    }

    fn remember(&mut self, id: String) {
        if self.order.len() >= SEEN_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.seen.remove(&oldest);
        }
        self.order.push_back(id.clone());
        self.seen.insert(id);
    }
}
