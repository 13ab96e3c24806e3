//! The hot parts that need neither broker nor database: `./dev bench pure [FILTER]`.
#![allow(clippy::unwrap_used, reason = "a benchmark that fails says so")]

mod codec;
mod compiling;
mod expressions;
mod machine;
mod store;

use std::time::Duration;

use criterion::Criterion;

fn main() {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .sample_size(30)
        .configure_from_args();
    compiling::all(&mut criterion);
    expressions::all(&mut criterion);
    machine::all(&mut criterion);
    codec::all(&mut criterion);
    store::all(&mut criterion);
    criterion.final_summary();
}
