//! Retiring a definition: it starts no runs any more, and open runs stay on it.

use kintsugi_core::DefinitionRef;

use crate::{app::App, ask::time, problem::Problem, types::Retired};

/// Retires a definition. Doing it again changes nothing.
///
/// # Errors
///
/// 404 for an unknown definition, 422 for `latest`, 503.
pub async fn retire(app: &App, wanted: &DefinitionRef) -> Result<Retired, Problem> {
    if wanted.version == "latest" {
        let title = "name the version to retire: `latest` may be another one by now";
        return Err(Problem::unprocessable("invalid_version", title));
    }
    let at = kintsugi_runtime::now().0;
    let known = app.store.definition_retire(wanted, at).await.map_err(|e| app.store_problem(e))?;
    if !known {
        return Err(no_definition(wanted));
    }
    app.definitions.forget(wanted);
    let found = app.store.definition_get(wanted).await.map_err(|e| app.store_problem(e))?;
    let found = found.ok_or_else(|| no_definition(wanted))?;
    let retired_at = time(found.retired_at.unwrap_or(at));
    Ok(Retired { definition: found.id, retired_at })
}

/// There is no such definition.
pub(crate) fn no_definition(wanted: &DefinitionRef) -> Problem {
    Problem::not_found("definition_not_found", format!("there is no definition {wanted}"))
}
