//! The figures as a picture (SVG): bars with the spread of the repeats, durations on a logarithmic
//! scale, and CPU by process.

#[path = "plot_growth.rs"]
mod growth;

use std::fmt::Write;

use crate::{meta::Meta, row::Row, table::by_role};

const WIDTH: f64 = 960.0;
/// Where bars begin and how long they may be.
const LEFT: f64 = 260.0;
const LONGEST: f64 = 560.0;
const LINE: f64 = 22.0;
const COLORS: [&str; 12] = [
    "#3b6ea5", "#c8963e", "#5b8c5a", "#a1485d", "#6d5a9c", "#3f9299", "#b5651d", "#7d7d7d",
    "#8a9a2f", "#c46f9f", "#45597a", "#9c8467",
];

/// Draws everything that was measured.
pub(crate) fn svg(meta: &Meta, rows: &[Row]) -> String {
    let mut drawing = Drawing { body: String::new(), y: 16.0 };
    meta.lines().iter().for_each(|line| drawing.text(12.0, "start", "small", line));
    drawing.throughput(rows);
    drawing.durations(rows);
    drawing.cpu(rows);
    growth::draw(&mut drawing, rows);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"sans-serif\">\n\
         <style>text{{font-size:13px;fill:#222}}.small{{font-size:11px;fill:#555}}.head{{font-size:15px;font-weight:bold}}</style>\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n{body}</svg>\n",
        height = drawing.y + 12.0,
        body = drawing.body,
    )
}

struct Drawing {
    body: String,
    /// Where the next line goes.
    y: f64,
}

impl Drawing {
    fn throughput(&mut self, rows: &[Row]) {
        let with: Vec<_> = rows
            .iter()
            .filter_map(|row| Some((row, row.steps_per_s?, row.steps_per_s_spread?)))
            .collect();
        let Some(most) = with.iter().map(|(_, _, spread)| spread[1]).max_by(f64::total_cmp) else {
            return;
        };
        self.head("Steps a second at peak (median, and the spread of the repeats)");
        for (row, rate, [least, greatest]) in with {
            let at = |value: f64| value / most * LONGEST;
            self.label(row);
            self.bar(LEFT, at(rate), color_of(&row.store));
            let (from, to, y) = (LEFT + at(least), LEFT + at(greatest), self.y - 4.0);
            self.line(from, y, to, y);
            self.line(from, y - 4.0, from, y + 4.0);
            self.line(to, y - 4.0, to, y + 4.0);
            self.value(LEFT + at(greatest), &format!("{rate:.0}"));
        }
    }

    /// From 1 ms to 100 s: five decades.
    fn durations(&mut self, rows: &[Row]) {
        let with: Vec<_> =
            rows.iter().filter_map(|row| Some((row, row.p50_ms?, row.p99_ms?))).collect();
        if with.is_empty() {
            return;
        }
        self.head("Durations (p50 dark, p99 light; 1 ms to 100 s, logarithmic)");
        let at = |ms: f64| (ms.log10() / 5.0).clamp(0.004, 1.0) * LONGEST;
        for (row, p50, p99) in with {
            self.label(row);
            let (x, color) = (LEFT + at(p50), color_of(&row.store));
            self.bar(LEFT, at(p50), color);
            self.faint_bar(x, at(p99) - at(p50), color);
            self.value(LEFT + at(p99), &format!("{p50:.1} / {p99:.1} ms"));
        }
    }

    fn cpu(&mut self, rows: &[Row]) {
        let with: Vec<_> = rows
            .iter()
            .filter(|row| !row.cpu_by_process.is_empty() && row.grown.is_none())
            .map(|row| (row, by_role(row.cpu_by_process.clone())))
            .collect();
        let sum = |row: &Row| row.cpu_by_process.values().sum::<f64>();
        let Some(most) = with.iter().map(|(row, _)| sum(row)).max_by(f64::total_cmp) else {
            return;
        };
        self.head("CPU seconds per 1,000 steps by process");
        let mut names: Vec<&String> = with.iter().flat_map(|(_, roles)| roles.keys()).collect();
        names.sort();
        names.dedup();
        let color = |name: &String| {
            let place = names.iter().position(|known| *known == name).unwrap_or(0);
            COLORS[place % COLORS.len()]
        };
        for (row, roles) in &with {
            self.label(row);
            let mut x = LEFT;
            for (name, cpu) in roles {
                let width = cpu / most * LONGEST;
                self.bar(x, width, color(name));
                x += width;
            }
            self.value(x, &format!("{:.3}", sum(row)));
        }
        for line in names.chunks(6) {
            self.y += LINE;
            for (place, name) in line.iter().enumerate() {
                let x = 12.0 + place as f64 * 155.0;
                self.bar(x, 10.0, color(name));
                let y = self.y;
                self.text_at(x + 16.0, y, "start", "small", name);
            }
        }
    }

    fn head(&mut self, text: &str) {
        self.y += LINE / 2.0;
        self.text(12.0, "start", "head", text);
    }

    fn label(&mut self, row: &Row) {
        self.text(LEFT - 8.0, "end", "", &format!("{}, {}", row.work, row.store));
    }

    fn value(&mut self, x: f64, text: &str) {
        let y = self.y;
        self.text_at(x + 6.0, y, "start", "small", text);
    }

    fn text(&mut self, x: f64, anchor: &str, class: &str, text: &str) {
        self.y += LINE;
        let y = self.y;
        self.text_at(x, y, anchor, class, text);
    }

    fn text_at(&mut self, x: f64, y: f64, anchor: &str, class: &str, text: &str) {
        let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        let _ = writeln!(
            self.body,
            "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" class=\"{class}\">{text}</text>"
        );
    }

    fn bar(&mut self, x: f64, width: f64, color: &str) {
        self.rect(x, width, color, 1.0);
    }

    fn faint_bar(&mut self, x: f64, width: f64, color: &str) {
        self.rect(x, width, color, 0.35);
    }

    fn rect(&mut self, x: f64, width: f64, color: &str, opacity: f64) {
        let y = self.y - 11.0;
        let _ = writeln!(
            self.body,
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"14\" fill=\"{color}\" opacity=\"{opacity}\"/>"
        );
    }

    fn line(&mut self, x1: f64, y1: f64, x2: f64, y2: f64) {
        let _ = writeln!(
            self.body,
            "<line x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\" stroke=\"#222\"/>"
        );
    }
}

fn color_of(store: &str) -> &'static str {
    if store == "postgres" { COLORS[0] } else { COLORS[1] }
}
