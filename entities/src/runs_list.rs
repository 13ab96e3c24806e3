//! Listing runs; the statements are `entities/lists`'.

use sea_orm::Condition;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::ExprTrait;

use crate::{Error, Page, Paged, RunFilter, RunSummary, Store};

impl Store {
    /// Lists runs, the newest first, at a cost that does not grow with how many there are.
    ///
    /// # Errors
    ///
    /// When the page makes no sense or the database does not answer.
    pub async fn runs_list(
        &self,
        filter: &RunFilter,
        page: Page,
    ) -> Result<Paged<RunSummary>, Error> {
        kintsugi_entities_lists::runs(self.reader(), filter, page).await
    }
}

/// What comes after a row when the newest come first. As one comparison of pairs, for which the
/// databases go to the right place in the index at once.
pub(crate) fn before<C: ColumnTrait>(at: C, id: C, at_value: i64, id_value: &str) -> Expr {
    Expr::tuple([Expr::col(at), Expr::col(id)])
        .lt(Expr::tuple([Expr::value(at_value), Expr::value(id_value)]))
}

/// Texts that begin with `prefix`, as a range, which an index serves whatever the collation of the
/// patterns; of definitions, exactly one where the prefix has a version.
pub(crate) fn begins<C: ColumnTrait>(column: C, prefix: &str) -> Condition {
    if prefix.split_once(':').is_some_and(|(_, version)| !version.is_empty()) {
        return Condition::all().add(column.eq(prefix));
    }
    Condition::all().add(column.gte(prefix)).add(column.lt(format!("{prefix}\u{10FFFF}")))
}
