//! Ends everything with this process, however this process ends.
//!
//! A shell beside it waits for the end of a pipe that only this process holds open, then kills whoever is
//! listed in a folder. (The kernel's own way, `PR_SET_PDEATHSIG`, needs unsafe code.)

use std::{
    fs,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use crate::Error;

/// `$0` is the folder of the list, `$1` the folder that goes with this process unless it is empty.
///
/// Children go with their parents: one that is frozen hears no other signal, and sees no pipe that ends. Whoever is
/// killed may write until it is gone, so the folder is removed until it is.
const WATCH: &str = r#"read -r _
for file in "$0"/*; do
  read -r pid <"$file" || continue
  kill -KILL "$pid" $(cat /proc/"$pid"/task/*/children 2>/dev/null) 2>/dev/null
done
[ -z "$1" ] && exit
for _ in 1 2 3 4 5 6 7 8 9 10; do
  rm -rf -- "$1" 2>/dev/null && exit
  sleep 0.2
done"#;

/// Who is killed at the end.
pub(super) struct Warden {
    shell: Child,
    list: PathBuf,
}

impl Warden {
    /// Begins to watch; `goes` is removed at the end.
    pub(super) fn start(list: &Path, goes: Option<&Path>) -> Result<Self, Error> {
        fs::create_dir_all(list).map_err(Error::file(list))?;
        let shell = Command::new("sh")
            .args(["-c", WATCH])
            .args([list, goes.unwrap_or(Path::new(""))])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Ctrl-C in a terminal is not for it.
            .process_group(0)
            .spawn()
            .map_err(|source| Error::Start { name: "sh".to_owned(), source })?;
        Ok(Self { shell, list: list.to_owned() })
    }

    /// Lists a process under a name, in place of the one before.
    pub(super) fn watch(&self, name: &str, pid: u32) -> Result<(), Error> {
        let path = self.list.join(name);
        fs::write(&path, format!("{pid}\n")).map_err(Error::file(path))
    }

    /// Takes it off the list: it is gone, and another may get its number.
    pub(super) fn forget(&self, name: &str) {
        let _ = fs::remove_file(self.list.join(name));
    }
}

impl Drop for Warden {
    fn drop(&mut self) {
        // Whoever is listed has ended by now.
        let _ = self.shell.kill();
        let _ = self.shell.wait();
    }
}
