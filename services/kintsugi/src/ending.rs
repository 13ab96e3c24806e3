//! How `kintsugi chaos` is told to end before its time.

use kintsugi_runtime::Shutdown;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Two ways to end.
pub(crate) struct Ending {
    /// No more faults: what was done is checked, and there is a verdict. Ctrl-C, once.
    pub(crate) early: Shutdown,
    /// Everything is taken down, and there is none. Ctrl-C again, SIGTERM, or an end of the pipe to whoever
    /// started it.
    pub(crate) at_once: Shutdown,
}

impl Ending {
    /// Listens from now on.
    pub(crate) fn listen(stop_with_stdin: bool) -> Self {
        let (early, at_once) = (Shutdown::new(), Shutdown::new());
        // Without them only a kill ends it; then its warden does the rest.
        if let (Ok(interrupt), Ok(terminate)) =
            (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
        {
            tokio::spawn(signals(interrupt, terminate, early.clone(), at_once.clone()));
        }
        if stop_with_stdin {
            let at_once = at_once.clone();
            // A thread that nobody waits for: the input may well outlive the trial.
            std::thread::spawn(move || {
                let _ended = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
                at_once.cancel();
            });
        }
        Self { early, at_once }
    }
}

async fn signals(mut interrupt: Signal, mut terminate: Signal, early: Shutdown, at_once: Shutdown) {
    tokio::select! {
        _ = interrupt.recv() => early.cancel(),
        _ = terminate.recv() => return at_once.cancel(),
    }
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    at_once.cancel();
}
