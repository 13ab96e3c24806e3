//! Definitions: register, list, show.

use kintsugi_core::{DefinitionRef, Evaluate, Kind, Program, Schema};
use kintsugi_definition::{
    Compiled, Expressions, Format, Limits, Problems, Resources, Settings, identify,
    program_from_document,
};
use kintsugi_entities::{NewDefinition, Page, Put};
use kintsugi_graph::Form;
use serde_json::Value;
use tokio::task::spawn_blocking;

use crate::{
    app::App,
    ask::time,
    problem::Problem,
    schedules, task_types,
    types::{
        Definition, DefinitionPage, DefinitionProblem, DefinitionResource, DefinitionSummary,
        Registered,
    },
};

/// Checks the document in `source` as if it was to be registered, and stores nothing.
///
/// # Errors
///
/// 413, 422 with everything that is wrong with it.
pub async fn check(app: &App, source: Vec<u8>) -> Result<Registered, Problem> {
    let limit = app.config.definition_bytes_max;
    if source.len() > limit {
        return Err(Problem::too_large("the document", limit));
    }
    let (_, compiled) = compile(app, source).await?;
    Ok(registered(&compiled))
}

/// What is said of a document that is accepted.
fn registered(compiled: &Compiled) -> Registered {
    let reference = &compiled.program.definition;
    Registered {
        definition: reference.to_string(),
        namespace: reference.namespace.clone(),
        name: reference.name.clone(),
        version: reference.version.clone(),
        digest: compiled.digest.clone(),
        warnings: compiled.warnings.iter().map(DefinitionProblem::from).collect(),
        portability: compiled.portability.iter().map(DefinitionProblem::from).collect(),
    }
}

/// Registers the document in `source`; whether it is new.
///
/// # Errors
///
/// 413, 422 with everything that is wrong with it, 409 when its version is taken, 503.
pub async fn define(app: &App, source: Vec<u8>) -> Result<(Registered, bool), Problem> {
    let limit = app.config.definition_bytes_max;
    if source.len() > limit {
        return Err(Problem::too_large("the document", limit));
    }
    let (source, compiled) = compile(app, source).await?;
    let registered = registered(&compiled);
    let reference = compiled.program.definition;
    let document = serde_json::to_vec(&compiled.document).map_err(|_| Problem::internal())?;
    let resources = match compiled.resources.is_empty() {
        true => None,
        false => Some(serde_json::to_vec(&compiled.resources).map_err(|_| Problem::internal())?),
    };
    let now = kintsugi_runtime::now();
    let new = NewDefinition {
        reference: reference.clone(),
        digest: compiled.digest,
        format: format_name(compiled.source_format).to_owned(),
        source,
        document,
        resources,
        schedule: match &compiled.schedule {
            Some(schedule) => Some(schedules::new(&reference, schedule, now)?),
            None => None,
        },
        created_at: now.0,
    };
    let next_at = new.schedule.as_ref().and_then(|schedule| schedule.next_at);
    let put = app.store.definition_put(new).await.map_err(|e| app.store_problem(e))?;
    match put {
        Put::Created => {
            app.definitions.forget(&reference);
            schedules::hint(app, next_at).await;
            Ok((registered, true))
        }
        Put::Identical => Ok((registered, false)),
        Put::Conflict { digest } => {
            let title = format!("{reference} is registered with other content");
            let detail = format!(
                "a version is immutable: register another one (registered {digest}, given {})",
                registered.digest
            );
            Err(Problem::conflict("definition_conflict", title).detail(detail))
        }
    }
}

/// Compiles, and gets what the document refers to.
async fn compile(app: &App, source: Vec<u8>) -> Result<(Vec<u8>, Compiled), Problem> {
    let mut settings = Settings::default();
    settings.limits.document.bytes_max = app.config.definition_bytes_max;
    settings.limits.abilities = app.config.abilities.clone();
    // What is registered already keeps what it found then.
    let known = match pinned(app, &source, &settings).await? {
        Some(known) => known,
        None => {
            settings.limits.task_types = task_types::names(app).await?;
            Resources::default()
        }
    };
    let registry = task_types::Registry(app);
    let (source, compiled) = app.fetcher.compile_with(source, settings, known, &registry).await?;
    let compiled =
        compiled.map_err(|found| refused(&found, "invalid_definition", "the document"))?;
    Ok((source, compiled))
}

/// Says everything that is wrong with what was to be registered.
pub(crate) fn refused(found: &Problems, code: &'static str, what: &str) -> Problem {
    let problems: Vec<_> = found.0.iter().map(DefinitionProblem::from).collect();
    let title = match problems.as_slice() {
        [one] => format!("{what} has a problem: {}", one.message),
        many => format!("{what} has {} problems", many.len()),
    };
    Problem { problems: Some(problems), ..Problem::unprocessable(code, title) }
}

/// What is stored with the same document, if it is registered: it stays as it was then.
async fn pinned(
    app: &App,
    source: &[u8],
    settings: &Settings,
) -> Result<Option<Resources>, Problem> {
    let Some(identity) = identify(source, settings) else { return Ok(None) };
    let Ok(reference) = DefinitionRef::parse(&identity.reference) else { return Ok(None) };
    let found = app.store.definition_get(&reference).await.map_err(|e| app.store_problem(e))?;
    let Some(same) = found.filter(|found| found.digest == identity.digest) else { return Ok(None) };
    let stored = same.resources.as_deref().map(serde_json::from_slice);
    let stored = stored.transpose().map_err(|_| Problem::internal())?;
    Ok(Some(stored.unwrap_or_default()))
}

fn format_name(format: Format) -> &'static str {
    match format {
        Format::Yaml => "yaml",
        Format::Json => "json",
    }
}

/// A page of definitions.
///
/// # Errors
///
/// 400 for a foreign cursor, 503.
pub async fn list(
    app: &App,
    namespace: Option<&str>,
    page: Page,
) -> Result<DefinitionPage, Problem> {
    let found = app.store.definitions_list(namespace, page).await;
    let found = found.map_err(|e| app.store_problem(e))?;
    let items = found.items.into_iter().map(|one| DefinitionSummary {
        definition: one.id,
        namespace: one.reference.namespace,
        name: one.reference.name,
        version: one.reference.version,
        digest: one.digest,
        created_at: time(one.created_at),
        retired_at: one.retired_at.map(time),
    });
    Ok(DefinitionPage { items: items.collect(), next: found.next })
}

/// A definition as a drawing.
///
/// # Errors
///
/// 404, 422 when it is too large for the form, 503.
pub async fn draw(app: &App, wanted: &DefinitionRef, form: Form) -> Result<String, Problem> {
    let program = program(app, wanted).await?;
    let drawn = spawn_blocking(move || {
        kintsugi_graph::draw(&program, form).map_err(|error| {
            Problem::unprocessable(error.code(), error.to_string()).detail(error.hint())
        })
    });
    drawn.await.map_err(|_| Problem::internal())?
}

/// What a registered definition compiles to.
///
/// # Errors
///
/// 404, 422 when this engine does not accept it any more, 503.
pub async fn program(app: &App, wanted: &DefinitionRef) -> Result<Program, Problem> {
    let found = app.store.definition_get(wanted).await.map_err(|e| app.store_problem(e))?;
    let Some(found) = found else { return Err(missing(wanted)) };
    let compiled = spawn_blocking(move || {
        let document: Value =
            serde_json::from_slice(&found.document).map_err(|_| Problem::internal())?;
        let resources = found.resources.as_deref().map(serde_json::from_slice::<Resources>);
        let resources = resources.transpose().map_err(|_| Problem::internal())?;
        program_from_document(&document, &resources.unwrap_or_default()).map_err(|problems| {
            let title = "this version of the engine does not accept the definition any more";
            Problem::unprocessable("invalid_definition", title).detail(problems.to_string())
        })
    });
    compiled.await.map_err(|_| Problem::internal())?
}

/// Whether a value fits the schema that a task of a registered definition has for it, by the same
/// check that its run makes.
pub(crate) async fn fits(
    app: &App,
    (definition, pointer): (&str, &str),
    schema: fn(&Kind) -> Option<Schema>,
    value: Value,
    (code, title): (&'static str, &'static str),
) -> Result<(), Problem> {
    let definition = DefinitionRef::parse(definition).map_err(|_| Problem::internal())?;
    let (program, pointer) = (program(app, &definition).await?, pointer.to_owned());
    let checked = spawn_blocking(move || {
        let mut tasks = program.nodes.iter().filter(|node| node.pointer == pointer);
        let Some(schema) = tasks.find_map(|node| schema(&node.kind)) else { return Ok(()) };
        let expressions =
            Expressions::new(&program, Limits::default()).map_err(|_| Problem::internal())?;
        let checked = expressions.validate(schema, &value);
        checked.map_err(|error| Problem::unprocessable(code, title).detail(error.detail))
    });
    checked.await.map_err(|_| Problem::internal())?
}

fn missing(wanted: &DefinitionRef) -> Problem {
    Problem::not_found("definition_not_found", format!("there is no definition {wanted}"))
}

/// A definition, with its source.
///
/// # Errors
///
/// 404, 503.
pub async fn get(app: &App, wanted: &DefinitionRef) -> Result<Definition, Problem> {
    let found = app.store.definition_get(wanted).await.map_err(|e| app.store_problem(e))?;
    let Some(found) = found else { return Err(missing(wanted)) };
    let document: Value =
        serde_json::from_slice(&found.document).map_err(|_| Problem::internal())?;
    let resources = found.resources.as_deref().map(serde_json::from_slice::<Resources>);
    let resources = resources.transpose().map_err(|_| Problem::internal())?.unwrap_or_default();
    let title = document.pointer("/document/title").and_then(Value::as_str).map(str::to_owned);
    Ok(Definition {
        definition: found.id,
        namespace: found.reference.namespace,
        name: found.reference.name,
        version: found.reference.version,
        title,
        digest: found.digest,
        created_at: time(found.created_at),
        retired_at: found.retired_at.map(time),
        format: found.format,
        source: String::from_utf8_lossy(&found.source).into_owned(),
        document,
        resources: resources.iter().map(DefinitionResource::from).collect(),
    })
}
