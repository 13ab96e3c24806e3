//! Holds of task types, queues, definitions and targets of calls: put, lift, list.

use kintsugi_core::{DefinitionRef, Timestamp};
use kintsugi_entities::{HoldKind, HoldPut, HoldRow, Page};
use kintsugi_gateway_ops::{
    App, Problem,
    types::{Hold, HoldPage, HoldRequest},
};
use kintsugi_runtime::now;
use tracing::debug;
use uuid::Uuid;

use crate::order::bounded;

/// Things that may be held at once.
const HOLDS_MAX: u32 = 1_000;

/// Holds something; whether it was not held before. Whoever held it first is named.
///
/// # Errors
///
/// 400 for an unknown kind, 409 when too much is held, 422 for a malformed name, 503.
pub async fn put(
    app: &App,
    (kind, name): (&str, &str),
    request: HoldRequest,
) -> Result<(Hold, bool), Problem> {
    let kind = kind_of(kind)?;
    let HoldRequest { by, reason } = request;
    bounded(&by, &reason)?;
    let row = HoldRow {
        id: Uuid::now_v7().simple().to_string(),
        kind,
        name: name_of(kind, name)?,
        by,
        reason,
        since: now().0,
        lifted_at: None,
        lifted_by: None,
        lift_reason: None,
    };
    let put = app.store.hold_put(&row, HOLDS_MAX).await.map_err(|e| app.store_problem(e))?;
    tell(app).await;
    match put {
        HoldPut::Created => Ok((shown(row), true)),
        HoldPut::Known(known) => Ok((shown(known), false)),
        HoldPut::Full => {
            let title = format!("{HOLDS_MAX} things are held: lift a hold first");
            Err(Problem::conflict("too_many_holds", title))
        }
    }
}

/// Lifts a hold, and gives it.
///
/// # Errors
///
/// 400 for an unknown kind, 404 when it is not held, 422, 503.
pub async fn lift(
    app: &App,
    (kind, name): (&str, &str),
    request: HoldRequest,
) -> Result<Hold, Problem> {
    let kind = kind_of(kind)?;
    let (by, reason) = (request.by, request.reason);
    bounded(&by, &reason)?;
    let why = (by.as_deref(), reason.as_deref());
    let held = if kind == HoldKind::Target { name.to_ascii_lowercase() } else { name.to_owned() };
    let lifted = app.store.hold_lift((kind, &held), now().0, why).await;
    let lifted = lifted.map_err(|e| app.store_problem(e))?;
    // Also where nothing was held: a hint of before may have been lost.
    tell(app).await;
    lifted.map(shown).ok_or_else(|| {
        let name: String = name.chars().take(200).collect();
        let title = format!("the {} {name} is not held", kind.as_str());
        Problem::not_found("hold_not_found", title)
    })
}

/// A page of holds; `lifted`: those that were lifted, too.
///
/// # Errors
///
/// 400 for a bad limit, 503.
pub async fn list(app: &App, lifted: bool, page: Page) -> Result<HoldPage, Problem> {
    let found = app.store.holds_list(lifted, page).await.map_err(|e| app.store_problem(e))?;
    Ok(HoldPage { items: found.items.into_iter().map(shown).collect(), next: found.next })
}

/// Whoever sees to it looks by itself; a hint makes it prompt.
async fn tell(app: &App) {
    if let Err(error) = app.bus.holds_changed().await {
        debug!(error = &error as &dyn std::error::Error, "no hint of a hold");
    }
}

fn kind_of(text: &str) -> Result<HoldKind, Problem> {
    HoldKind::parse(text).ok_or_else(|| {
        let shown: String = text.chars().take(80).collect();
        let title = format!("`{shown}` is nothing that can be held");
        Problem::bad_request("invalid_parameter", title)
            .detail("one of task-type, queue, definition, target")
    })
}

fn name_of(kind: HoldKind, name: &str) -> Result<String, Problem> {
    let refused = |title: &str| Problem::unprocessable("invalid_id", title);
    if kind == HoldKind::Definition {
        let parsed = DefinitionRef::parse(name)?;
        let has_version = name.contains(':');
        if !name.contains('/') || (has_version && parsed.version == "latest") {
            let title = "a definition is held as `namespace/name`, or as `namespace/name:version` \
                         with an exact version";
            return Err(refused(title));
        }
        return Ok(name.to_owned());
    }
    if kind == HoldKind::Target {
        let name = name.to_ascii_lowercase();
        let fits = |byte: u8| byte.is_ascii_graphic() && !b"/@?#\\\"`".contains(&byte);
        let port = name.rsplit_once(':').filter(|(host, _)| !host.is_empty());
        let has_port = port.is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        if name.len() > 260 || !name.bytes().all(fits) || !has_port {
            return Err(refused("a target is held as `host:port`, without scheme and path"));
        }
        return Ok(name);
    }
    let is_part = |byte: u8| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_'
    };
    if name.is_empty() || name.len() > 64 || !name.bytes().all(is_part) {
        return Err(refused("a task type or queue is named like [a-z0-9_-]{1,64}"));
    }
    Ok(name.to_owned())
}

fn shown(row: HoldRow) -> Hold {
    let time = |at: i64| Timestamp(at).to_rfc3339();
    Hold {
        id: row.id,
        kind: row.kind.as_str().to_owned(),
        name: row.name,
        by: row.by,
        reason: row.reason,
        since: time(row.since),
        lifted_at: row.lifted_at.map(time),
        lifted_by: row.lifted_by,
        lift_reason: row.lift_reason,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_their_kind() {
        assert_eq!(name_of(HoldKind::Queue, "slow_1").unwrap(), "slow_1");
        assert_eq!(name_of(HoldKind::Definition, "shop/order").unwrap(), "shop/order");
        assert_eq!(name_of(HoldKind::Definition, "shop/order:1.0.0").unwrap(), "shop/order:1.0.0");
        for bad in ["order", "shop/order:latest", "shop/Order", "a/b/c", ""] {
            assert_eq!(name_of(HoldKind::Definition, bad).unwrap_err().status, 422, "{bad}");
        }
        for bad in ["", "A", "a.b", "a/b", &"x".repeat(65)] {
            assert_eq!(name_of(HoldKind::TaskType, bad).unwrap_err().status, 422, "{bad}");
        }
        assert_eq!(name_of(HoldKind::Target, "Shop.example:443").unwrap(), "shop.example:443");
        for bad in ["", "shop", ":80", "https://shop:443", "u@shop:443", "shop:443/x", "shop:x"] {
            assert_eq!(name_of(HoldKind::Target, bad).unwrap_err().status, 422, "{bad}");
        }
        assert_eq!(kind_of("host").unwrap_err().status, 400);
    }
}
