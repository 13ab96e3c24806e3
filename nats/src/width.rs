//! How many tasks a worker wants in one message. It says so beside results, so that only tasks that
//! take no time travel together, and only to workers that read arrays.

use async_nats::HeaderMap;

use crate::{Width, names::is_token};

/// Beside results: `<queue>.<type>=<tasks>`, several with commas between.
pub(crate) const HEADER: &str = "Kintsugi-Tasks-Per-Message";

/// Names that are read of one header.
const NAMES_MAX: usize = 100;

pub(crate) fn write(widths: &[Width]) -> Option<HeaderMap> {
    if widths.is_empty() {
        return None;
    }
    let one = |width: &Width| format!("{}.{}={}", width.queue, width.task_type, width.tasks);
    let text = widths.iter().map(one).collect::<Vec<_>>().join(",");
    let mut headers = HeaderMap::new();
    headers.insert(HEADER, text);
    Some(headers)
}

/// What cannot be read is passed over: it is a wish.
pub(crate) fn read(headers: Option<&HeaderMap>) -> Vec<Width> {
    let Some(text) = headers.and_then(|headers| headers.get(HEADER)) else { return Vec::new() };
    let one = |part: &str| {
        let (names, tasks) = part.split_once('=')?;
        let (queue, task_type) = names.split_once('.')?;
        let tasks = tasks.parse().ok().filter(|tasks| *tasks > 0)?;
        let named = is_token(queue) && is_token(task_type);
        named.then(|| Width { queue: queue.to_owned(), task_type: task_type.to_owned(), tasks })
    };
    text.as_str().split(',').take(NAMES_MAX).filter_map(one).collect()
}

#[cfg(test)]
#[path = "../tests/unit/width.rs"]
mod tests;
