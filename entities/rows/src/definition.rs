//! Definitions.

use kintsugi_core::DefinitionRef;

use crate::entity::definition::Model;
use crate::{Error, NewSchedule};

/// A definition to register.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewDefinition {
    /// Its name; the version is exact.
    pub reference: DefinitionRef,
    /// Digest of the canonical document: the same digest is the same definition.
    pub digest: String,
    /// Format of the source, e.g. `yaml`.
    pub format: String,
    /// As its user wrote it.
    pub source: Vec<u8>,
    /// The canonical document, as JSON.
    pub document: Vec<u8>,
    /// What it refers to outside itself, as JSON; none: nothing.
    pub resources: Option<Vec<u8>>,
    /// When it starts runs by itself; none: it does not.
    pub schedule: Option<NewSchedule>,
    /// When it was registered.
    pub created_at: i64,
}

/// What became of a registration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Put {
    /// It is new.
    Created,
    /// The same was registered before.
    Identical,
    /// Another one has that version.
    Conflict {
        /// Digest of the one that is registered.
        digest: String,
    },
}

/// A registered definition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Definition {
    /// `namespace/name:version`.
    pub id: String,
    /// The same, in parts.
    pub reference: DefinitionRef,
    /// Digest of the canonical document.
    pub digest: String,
    /// Format of the source.
    pub format: String,
    /// As its user wrote it.
    pub source: Vec<u8>,
    /// The canonical document, as JSON.
    pub document: Vec<u8>,
    /// What it refers to outside itself, as JSON; none: nothing.
    pub resources: Option<Vec<u8>>,
    /// When it was registered.
    pub created_at: i64,
    /// Since when it starts no runs any more; none: it does.
    pub retired_at: Option<i64>,
}

/// A registered definition, without its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DefinitionSummary {
    /// `namespace/name:version`.
    pub id: String,
    /// The same, in parts.
    pub reference: DefinitionRef,
    /// Digest of the canonical document.
    pub digest: String,
    /// When it was registered.
    pub created_at: i64,
    /// Since when it starts no runs any more; none: it does.
    pub retired_at: Option<i64>,
}

impl TryFrom<Model> for Definition {
    type Error = Error;

    fn try_from(row: Model) -> Result<Self, Error> {
        let reference = DefinitionRef::parse(&row.id)
            .map_err(|problem| Error::corrupt(format!("definition {}", row.id), problem))?;
        Ok(Self {
            id: row.id,
            reference,
            digest: row.digest,
            format: row.format,
            source: row.source,
            document: row.document,
            resources: row.resources,
            created_at: row.created_at,
            retired_at: row.retired_at,
        })
    }
}
