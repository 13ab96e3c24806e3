//! What `emit` and `listen` say: events to make, and which events are wanted.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Export, Expr, ListId, Schema, Template};

/// `emit`: attributes and data of the event, in the document's order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EventTemplate {
    /// Each by name. What evaluates to null is left out, but for `data`.
    pub with: Vec<(String, Template)>,
}

/// `listen`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Listen {
    /// Which events.
    pub to: Strategy,
    /// What is kept of each.
    pub read: Read,
    /// What is done with each.
    pub foreach: Option<ForEach>,
}

/// Which events are waited for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// One that fits.
    One(EventFilter),
    /// Those that fit one of these, or any event where there are none.
    Any {
        /// The filters.
        filters: Vec<EventFilter>,
        /// When it is enough; none: with the first.
        until: Option<Until>,
    },
    /// One for each of these.
    All(Vec<EventFilter>),
}

/// When a listen for any of several events has heard enough.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Until {
    /// When this holds for what was consumed.
    Holds(Expr),
    /// When these events have come, which are no part of what is consumed.
    Heard(Box<Strategy>),
    /// Never: what it consumed is of no use to anyone and is not kept.
    Never,
}

/// What is kept of an event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Read {
    /// Its data.
    #[default]
    Data,
    /// The whole of it.
    Envelope,
    /// Its data as a text.
    Raw,
}

/// `listen.foreach`: what is done with each event, one after the other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ForEach {
    /// Name of the event's variable, without `$`.
    pub item: String,
    /// Name of the index's variable, without `$`.
    pub at: String,
    /// What is run; none: the item is its output.
    pub body: Option<ListId>,
    /// `output.as`.
    pub output_as: Option<Template>,
    /// `output.schema`.
    pub output_schema: Option<Schema>,
    /// `export`.
    pub export: Option<Export>,
}

/// Which events fit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EventFilter {
    /// What each attribute, or the data, must be.
    pub with: Vec<(String, Matcher)>,
    /// What ties events together.
    pub correlate: Vec<Correlation>,
}

/// What a value must be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Matcher {
    /// Equal to this.
    Equal(Value),
    /// Applied to the value, this gives true, or what is equal to it.
    Expr(Expr),
    /// Equal to what this URI template gives on the task's input.
    Uri(Template),
    /// An object with at least these keys.
    Object(Vec<(String, Matcher)>),
    /// An array of just these.
    Array(Vec<Matcher>),
}

/// A value that events of one listen have in common.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Correlation {
    /// Filters that use the same name mean the same value.
    pub name: String,
    /// Applied to the event, gives its value.
    pub from: Expr,
    /// What it must be; none: what the first event has.
    pub expect: Option<Template>,
}

impl Strategy {
    /// Its filters, without those of `until`.
    #[must_use]
    pub fn filters(&self) -> &[EventFilter] {
        match self {
            Self::One(filter) => std::slice::from_ref(filter),
            Self::Any { filters, .. } | Self::All(filters) => filters,
        }
    }

    /// The types of the events that may be wanted, those of `until` included; none: any type.
    #[must_use]
    pub fn types(&self) -> Option<BTreeSet<String>> {
        let until = match self {
            Self::Any { filters, .. } if filters.is_empty() => return None,
            Self::Any { until, .. } => until.as_ref(),
            Self::One(_) | Self::All(_) => None,
        };
        let own =
            self.filters().iter().map(EventFilter::kind).collect::<Option<BTreeSet<String>>>()?;
        match until {
            Some(Until::Heard(strategy)) => {
                Some(own.into_iter().chain(strategy.types()?).collect())
            }
            Some(Until::Holds(_) | Until::Never) | None => Some(own),
        }
    }
}

impl EventFilter {
    /// The type of the events that fit, where that is said as a constant.
    fn kind(&self) -> Option<String> {
        self.with.iter().find_map(|(name, matcher)| match matcher {
            Matcher::Equal(Value::String(kind)) if name == "type" => Some(kind.clone()),
            _ => None,
        })
    }
}
