//! Pages by key: no row comes twice and none is missed, whatever is written meanwhile.

use crate::Error;

/// Rows on one page at most.
const LIMIT_MAX: u32 = 1000;

/// Which page is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Rows at most, 1 to 1,000.
    pub limit: u32,
    /// [`Paged::next`] of the page before; none: the first page.
    pub cursor: Option<String>,
}

impl Default for Page {
    fn default() -> Self {
        Self { limit: 50, cursor: None }
    }
}

/// A page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paged<T> {
    /// The rows.
    pub items: Vec<T>,
    /// Cursor of the page that follows; none: this is the last.
    pub next: Option<String>,
}

impl Page {
    /// One row more than asked for says whether another page follows.
    ///
    /// # Errors
    ///
    /// When the limit is out of range.
    pub fn fetch(&self) -> Result<u64, Error> {
        if !(1..=LIMIT_MAX).contains(&self.limit) {
            return Err(Error::invalid(format!("a page has 1 to {LIMIT_MAX} rows")));
        }
        Ok(u64::from(self.limit) + 1)
    }

    /// The time and id after which the page begins.
    ///
    /// # Errors
    ///
    /// When the cursor is none.
    pub fn after(&self) -> Result<Option<(i64, &str)>, Error> {
        let Some(cursor) = &self.cursor else { return Ok(None) };
        let refused = || Error::invalid("the cursor is not one that a page gave");
        let (at, id) = cursor.split_once('_').ok_or_else(refused)?;
        Ok(Some((at.parse().map_err(|_| refused())?, id)))
    }

    /// Cuts the row too many off, and names the last one that is left.
    pub fn cut<T>(&self, mut items: Vec<T>, key: impl Fn(&T) -> String) -> Paged<T> {
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| more).map(key);
        Paged { items, next }
    }
}

/// The cursor behind a row.
pub fn cursor(at: i64, id: &str) -> String {
    format!("{at}_{id}")
}
