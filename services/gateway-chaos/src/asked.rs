//! What is asked for, held against the rules of the command line.

use std::time::Duration;

use kintsugi_chaos::{self as chaos, Kind, Scope, Shape};
use kintsugi_core::DefinitionRef;
use kintsugi_gateway_ops::{App, Problem, definitions, types::ChaosRequest};

/// Definitions that one trial starts at most.
const DEFINITIONS_MAX: usize = 32;

/// A trial that can be.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Asked {
    pub(crate) lasts: Duration,
    pub(crate) seed: u64,
    pub(crate) shape: Shape,
    /// Every kind that it may have, of those that were named, or all.
    pub(crate) kinds: Vec<Kind>,
    pub(crate) rate: f64,
    pub(crate) definitions: Vec<DefinitionRef>,
}

/// A definition as its user wrote it.
#[derive(Clone, Debug)]
pub(crate) struct Document {
    /// `namespace/name:version`.
    pub(crate) reference: String,
    pub(crate) source: String,
}

/// Reads what is asked for.
///
/// # Errors
///
/// 422, in the words of the command line.
pub(crate) fn check(request: &ChaosRequest, for_max: Duration) -> Result<Asked, Problem> {
    let lasts = chaos::lasts(&request.lasts).map_err(|why| unfit("for", &why))?;
    if lasts > for_max {
        let most = humantime::format_duration(for_max);
        return Err(unfit("for", &format!("{most} is the most, by chaos.for_max")));
    }
    let shape = request.shape.as_deref().map_or(Ok(Shape::Dev), str::parse);
    let shape = shape.map_err(|why: String| unfit("shape", &why))?;
    let named = request.faults.iter().flatten().map(|name| name.parse::<Kind>());
    let named: Result<Vec<Kind>, String> = named.collect();
    // The database of a trial that was asked for here is always its own.
    let scope = Scope { shape, owns_database: shape == Shape::Services };
    let kinds = named.and_then(|named| chaos::wanted(&named, &scope));
    let kinds = kinds.map_err(|why| unfit("faults", &why))?;
    let rate = request.rate.map_or(Ok(chaos::RATE), chaos::rate);
    let rate = rate.map_err(|why| unfit("rate", &why))?;
    let names = request.definitions.as_deref().unwrap_or_default();
    if names.len() > DEFINITIONS_MAX {
        return Err(unfit("definitions", &format!("{DEFINITIONS_MAX} are the most")));
    }
    let definitions = names.iter().map(|name| DefinitionRef::parse(name));
    Ok(Asked {
        lasts,
        seed: request.seed.unwrap_or_else(chaos::any_seed),
        shape,
        kinds: kinds.into_iter().collect(),
        rate,
        definitions: definitions.collect::<Result<_, _>>()?,
    })
}

/// The registered definitions, in the order in which they were named.
///
/// # Errors
///
/// 404, 503.
pub(crate) async fn documents(
    app: &App,
    wanted: &[DefinitionRef],
) -> Result<Vec<Document>, Problem> {
    let mut documents = Vec::new();
    for reference in wanted {
        let found = definitions::get(app, reference).await?;
        documents.push(Document { reference: found.definition, source: found.source });
    }
    Ok(documents)
}

fn unfit(field: &str, why: &str) -> Problem {
    Problem::unprocessable("invalid_body", format!("`{field}`: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3_600);

    fn request() -> ChaosRequest {
        let (lasts, definitions) = ("10s".to_owned(), None);
        ChaosRequest { lasts, seed: None, shape: None, faults: None, rate: None, definitions }
    }

    #[track_caller]
    fn refused(request: &ChaosRequest, words: &[&str]) {
        let problem = check(request, HOUR).unwrap_err();
        assert_eq!((problem.status, &*problem.code), (422, "invalid_body"));
        for word in words {
            assert!(problem.title.contains(word), "{} has no {word}", problem.title);
        }
    }

    #[test]
    fn what_is_left_away_is_as_on_the_command_line() {
        let asked = check(&request(), HOUR).unwrap();
        assert_eq!((asked.shape, asked.rate), (Shape::Dev, 8.0));
        assert!(asked.kinds.contains(&Kind::Kill) && !asked.kinds.contains(&Kind::CutDatabase));
        let seeds = |_| check(&request(), HOUR).unwrap().seed;
        assert_ne!(seeds(1), seeds(2), "a new one each time");
        let seed = check(&ChaosRequest { seed: Some(7), ..request() }, HOUR).unwrap().seed;
        assert_eq!(seed, 7);
    }

    #[test]
    fn what_cannot_be_had_is_refused_by_name() {
        let faults = |names: &[&str]| Some(names.iter().map(|&name| name.to_owned()).collect());
        refused(
            &ChaosRequest { faults: faults(&["kil"]), ..request() },
            &["faults", "kil", "freeze"],
        );
        let named = ChaosRequest { faults: faults(&["kill", "cut-database"]), ..request() };
        refused(&named, &["cut-database", "file"]);
        let services = ChaosRequest { shape: Some("services".to_owned()), ..named };
        assert_eq!(check(&services, HOUR).unwrap().kinds, [Kind::Kill, Kind::CutDatabase]);
        let shape = Some("moon".to_owned());
        refused(&ChaosRequest { shape, ..request() }, &["shape", "moon", "services"]);
        for lasts in ["", "soon", "1s", "2h"] {
            refused(&ChaosRequest { lasts: lasts.to_owned(), ..request() }, &["for"]);
        }
        for rate in [0.0, -1.0, 1_001.0, f64::NAN] {
            refused(&ChaosRequest { rate: Some(rate), ..request() }, &["rate", "1000"]);
        }
        let many = Some(vec!["a/b".to_owned(); 33]);
        refused(&ChaosRequest { definitions: many, ..request() }, &["definitions", "32"]);
        let odd = Some(vec!["../../etc/passwd".to_owned()]);
        assert_eq!(
            check(&ChaosRequest { definitions: odd, ..request() }, HOUR).unwrap_err().status,
            422
        );
    }
}
