//! What a step costs as things grow, as lines over a logarithmic scale.

use std::fmt::Write;

use super::{Drawing, LEFT, LINE, LONGEST, color_of};
use crate::row::Row;

const HEIGHT: f64 = 140.0;

/// A chart for each series: CPU of all processes of the benchmark, in milliseconds a step.
pub(super) fn draw(drawing: &mut Drawing, rows: &[Row]) {
    let mut series: Vec<&String> =
        rows.iter().filter_map(|row| Some(&row.grown.as_ref()?.0)).collect();
    series.dedup();
    series.sort();
    series.dedup();
    for what in series {
        let points: Vec<_> = rows.iter().filter_map(|row| point(row, what)).collect();
        chart(drawing, what, &points);
    }
}

/// Store, how large it is, and what a step costs.
fn point<'r>(row: &'r Row, what: &str) -> Option<(&'r str, f64, f64)> {
    let (_, size) = row.grown.as_ref().filter(|(of, _)| of == what)?;
    Some((&row.store, *size, row.cpu_by_process.values().sum()))
}

fn chart(drawing: &mut Drawing, what: &str, points: &[(&str, f64, f64)]) {
    let log = |value: f64| value.max(1e-6).log10();
    let range = |of: fn(&(&str, f64, f64)) -> f64| {
        let all = points.iter().map(|point| log(of(point)));
        let (low, high) =
            all.fold((f64::MAX, f64::MIN), |(low, high), it| (low.min(it), high.max(it)));
        (low.floor(), high.ceil().max(low.floor() + 1.0))
    };
    let (x_range, y_range) = (range(|it| it.1), range(|it| it.2));
    let part = |value: f64, (low, high): (f64, f64)| (log(value) - low) / (high - low);
    drawing.head(&format!("CPU ms a step by {what} (both logarithmic)"));
    let top = drawing.y + LINE / 2.0;
    let place = |x: f64, y: f64| {
        (LEFT + part(x, x_range) * LONGEST, top + (1.0 - part(y, y_range)) * HEIGHT)
    };
    for (edge, y) in [(y_range.1, top), (y_range.0, top + HEIGHT)] {
        drawing.line(LEFT, y, LEFT + LONGEST, y);
        drawing.text_at(LEFT - 8.0, y + 4.0, "end", "small", &format!("{} ms", 10f64.powf(edge)));
    }
    let mut stores: Vec<&str> = points.iter().map(|(store, ..)| *store).collect();
    stores.dedup();
    for store in stores {
        let of = points.iter().filter(|(of, ..)| *of == store);
        let line: Vec<_> = of.map(|(_, x, y)| (place(*x, *y), *x, *y)).collect();
        let path: Vec<_> = line.iter().map(|((x, y), ..)| format!("{x:.1},{y:.1}")).collect();
        let _ = writeln!(
            drawing.body,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"2\"/>",
            path.join(" "),
            color_of(store)
        );
        for ((x, y), size, cost) in line {
            drawing.text_at(x, y - 4.0, "middle", "small", &format!("{cost:.3}"));
            drawing.text_at(x, top + HEIGHT + 14.0, "middle", "small", &format!("{size}"));
        }
    }
    drawing.y = top + HEIGHT + LINE;
}
