//! How much memory a group of processes holds, as the kernel says (proc(5)).

use std::{fs, time::Duration};

/// How often it is looked at.
const PERIOD: Duration = Duration::from_millis(200);

/// Returns once the group holds more than `max` bytes.
pub(crate) async fn exceeds(group: i32, max: u64) {
    let mut looks = tokio::time::interval(PERIOD);
    loop {
        looks.tick().await;
        let held = tokio::task::spawn_blocking(move || held(group)).await.unwrap_or(0);
        if held > max {
            return;
        }
    }
}

/// Bytes of resident memory of every process in the group.
fn held(group: i32) -> u64 {
    let page = page_size();
    let Ok(entries) = fs::read_dir("/proc") else { return 0 };
    let pids = entries.flatten().filter(|entry| {
        entry.file_name().to_str().is_some_and(|name| name.bytes().all(|b| b.is_ascii_digit()))
    });
    let pages = pids.filter_map(|entry| pages(&entry.path().join("stat"), group));
    pages.sum::<u64>() * page
}

/// Resident pages of a process, if it is of the group.
fn pages(stat: &std::path::Path, group: i32) -> Option<u64> {
    let text = fs::read_to_string(stat).ok()?;
    // The name, in brackets, may have anything in it.
    let fields: Vec<&str> = text.rsplit_once(") ")?.1.split_whitespace().collect();
    let own: i32 = fields.get(2)?.parse().ok()?;
    (own == group).then(|| fields.get(21)?.parse().ok())?
}

fn page_size() -> u64 {
    let size = nix::unistd::sysconf(nix::unistd::SysconfVar::PAGE_SIZE).ok().flatten();
    size.and_then(|size| u64::try_from(size).ok()).unwrap_or(4_096)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Group;

    #[test]
    fn a_group_holds_what_its_processes_hold() {
        let group = Group::new().unwrap();
        let small = held(group.id());
        assert!((1 << 16..64 << 20).contains(&small), "{small}");
        use std::os::unix::process::CommandExt;
        let script = "x = bytearray(100 << 20)\nprint(flush=True)\ninput()";
        let mut child = std::process::Command::new("python3")
            .args(["-c", script])
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .process_group(group.id())
            .spawn()
            .unwrap();
        let mut byte = [0];
        std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut byte).unwrap();
        assert!(held(group.id()) > 100 << 20);
        drop(group);
        child.wait().unwrap();
    }
}
