//! The folder of trials: a file for each, and while it runs a folder of its own beside it.

use std::{
    fs::{self, DirBuilder, File, TryLockError},
    io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use kintsugi_gateway_ops::types::ChaosTrial;
use kintsugi_runtime::now;

use crate::{asked::Document, running::RUNNING};

/// Trials that are over and are remembered.
const KEPT_MAX: usize = 100;

/// Whether that is the id of a trial, and so no path.
pub(crate) fn is_id(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// The folder.
#[derive(Clone, Debug)]
pub(crate) struct Folder(PathBuf);

/// Who holds it begins, ends and mends what is in the folder; nobody else does. It goes with its process.
#[derive(Debug)]
pub(crate) struct Lock(#[expect(dead_code, reason = "it is held, not used")] File);

impl Folder {
    pub(crate) fn new(path: &Path) -> Self {
        Self(path.to_owned())
    }

    /// None: somebody else holds it.
    pub(crate) fn lock(&self) -> io::Result<Option<Lock>> {
        // Definitions may say what is nobody else's business.
        DirBuilder::new().recursive(true).mode(0o700).create(&self.0)?;
        let file = File::create(self.0.join("lock"))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Lock(file))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// Every trial, newest first: an id begins with its time.
    pub(crate) fn ids(&self) -> io::Result<Vec<String>> {
        let entries = match fs::read_dir(&self.0) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
        let ids = names.filter_map(|name| name.strip_suffix(".json").map(str::to_owned));
        let mut ids: Vec<String> = ids.filter(|id| is_id(id)).collect();
        ids.sort_unstable_by(|one, other| other.cmp(one));
        Ok(ids)
    }

    /// A trial as it was written last; none: there is no such one.
    pub(crate) fn read(&self, id: &str) -> io::Result<Option<ChaosTrial>> {
        if !is_id(id) {
            return Ok(None);
        }
        match fs::read(self.file(id)) {
            Ok(text) => serde_json::from_slice(&text).map(Some).map_err(io::Error::other),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes a trial, whole or not at all.
    pub(crate) fn write(&self, _held: &Lock, trial: &ChaosTrial) -> io::Result<()> {
        let (file, beside) = (self.file(&trial.id), self.0.join(format!("{}.new", trial.id)));
        let text = serde_json::to_vec_pretty(trial).map_err(io::Error::other)?;
        fs::write(&beside, text)?;
        fs::rename(beside, file)
    }

    /// Makes a trial's own folder; gives that of its definitions, where it has some.
    pub(crate) fn begin(
        &self,
        _held: &Lock,
        id: &str,
        documents: &[Document],
    ) -> io::Result<Option<PathBuf>> {
        let own = self.own(id);
        DirBuilder::new().mode(0o700).create(&own)?;
        if documents.is_empty() {
            return Ok(None);
        }
        let workflows = own.join("workflows");
        fs::create_dir(&workflows)?;
        for (place, document) in documents.iter().enumerate() {
            // They are taken by name. JSON is YAML, too.
            fs::write(workflows.join(format!("{place:03}.yaml")), &document.source)?;
        }
        Ok(Some(workflows))
    }

    /// Where a trial leaves its report.
    pub(crate) fn report(&self, id: &str) -> PathBuf {
        self.own(id).join("report.json")
    }

    /// Removes a trial's own folder.
    pub(crate) fn clear(&self, _held: &Lock, id: &str) -> io::Result<()> {
        gone(fs::remove_dir_all(self.own(id)))
    }

    /// Removes a trial that did not begin.
    pub(crate) fn forget(&self, held: &Lock, id: &str) -> io::Result<()> {
        self.clear(held, id)?;
        gone(fs::remove_file(self.file(id)))
    }

    /// Says of each trial that is not over that it was interrupted, since nobody holds the lock who would know
    /// better, and forgets the oldest ones.
    pub(crate) fn mend(&self, held: &Lock) -> io::Result<()> {
        for (place, id) in self.ids()?.into_iter().enumerate() {
            if place >= KEPT_MAX {
                self.forget(held, &id)?;
                continue;
            }
            let Some(trial) = self.read(&id)?.filter(|trial| trial.status == RUNNING) else {
                continue;
            };
            self.clear(held, &id)?;
            let why = Some("the gateway that started it ended".to_owned());
            let (status, ended_at) = ("interrupted".to_owned(), Some(now().to_rfc3339()));
            self.write(held, &ChaosTrial { status, why, ended_at, ..trial })?;
        }
        Ok(())
    }

    fn file(&self, id: &str) -> PathBuf {
        self.0.join(format!("{id}.json"))
    }

    fn own(&self, id: &str) -> PathBuf {
        self.0.join(id)
    }
}

/// What is gone already is gone.
fn gone(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn trial(id: &str) -> ChaosTrial {
        ChaosTrial {
            id: id.to_owned(),
            status: RUNNING.to_owned(),
            why: None,
            lasts: "10s".to_owned(),
            seed: 7,
            shape: "dev".to_owned(),
            faults: Vec::new(),
            rate: 8.0,
            definitions: Vec::new(),
            started_at: String::new(),
            ended_at: None,
            said: None,
            verdict: None,
        }
    }

    fn id(number: usize) -> String {
        format!("{number:032x}")
    }

    #[test]
    fn a_trial_whose_gateway_died_is_told_as_interrupted() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::new(&dir.path().join("chaos"));
        let held = folder.lock().unwrap().unwrap();
        let document = Document { reference: "a/b:1.0.0".to_owned(), source: "do: []".to_owned() };
        let workflows = folder.begin(&held, &id(1), &[document]).unwrap().unwrap();
        assert_eq!(fs::read_to_string(workflows.join("000.yaml")).unwrap(), "do: []");
        folder.write(&held, &trial(&id(1))).unwrap();
        assert!(folder.lock().unwrap().is_none(), "it is held");
        drop(held);
        let held = folder.lock().unwrap().unwrap();
        folder.mend(&held).unwrap();
        let mended = folder.read(&id(1)).unwrap().unwrap();
        assert_eq!(mended.status, "interrupted");
        assert!(mended.ended_at.is_some() && !workflows.exists());
        folder.mend(&held).unwrap();
        assert_eq!(folder.read(&id(1)).unwrap().unwrap(), mended, "once");
    }

    #[test]
    fn the_oldest_are_forgotten() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::new(dir.path());
        assert!(folder.ids().unwrap().is_empty());
        let held = folder.lock().unwrap().unwrap();
        for number in 0..KEPT_MAX + 2 {
            folder.write(&held, &trial(&id(number))).unwrap();
        }
        folder.mend(&held).unwrap();
        let ids = folder.ids().unwrap();
        assert_eq!((ids.len(), ids[0].clone()), (KEPT_MAX, id(KEPT_MAX + 1)), "newest first");
    }

    #[test]
    fn nothing_but_an_id_names_a_file() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("x.json"), "{}").unwrap();
        let folder = Folder::new(&dir.path().join("chaos"));
        for odd in ["../x", "x", "", "/etc/passwd", &"F".repeat(32)] {
            assert!(folder.read(odd).unwrap().is_none(), "{odd}");
        }
    }
}
