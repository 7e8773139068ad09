//! Medians, spread and ratios, as a table and as JSON.

use std::fmt::Write as _;
use std::path::Path;

use crate::Outcome;
use crate::plan::{FEW_HELD, HELD, LONG, MANY_HELD, RATES, ROWS, TARGETS};
use crate::run::{PACED, Sample};

struct Median {
    middle: f64,
    least: f64,
    most: f64,
}

/// Prints the table and writes `results.json` and `results.md`.
pub(crate) fn write(samples: &[Sample], out: &Path) -> Outcome<()> {
    let mut text = String::from("| row | records/s (median, least to most) | CPU µs/record | peak memory MiB |\n|---|---|---|---|\n");
    for name in ROWS.iter().map(|row| row.name).chain([PACED]) {
        let Some(rate) = median(samples, name, |sample| sample.records_per_second) else { continue };
        let cpu = median(samples, name, |sample| sample.cpu_seconds * 1e6 / sample.line["records"].as_f64().unwrap_or(1.0));
        let memory = median(samples, name, |sample| sample.peak_memory_mib);
        let (cpu, memory) = (cpu.map_or(0.0, |cpu| cpu.middle), memory.map_or(0.0, |memory| memory.most));
        writeln!(text, "| {name} | {:.0} ({:.0} to {:.0}) | {cpu:.2} | {memory:.0} |", rate.middle, rate.least, rate.most)?;
    }
    text.push_str("\n| ratio or rate | measured | target | |\n|---|---|---|---|\n");
    for target in TARGETS {
        let rate = |name| median(samples, name, |sample| sample.records_per_second);
        let (Some(row), Some(base)) = (rate(target.row), rate(target.base)) else { continue };
        let ratio = row.middle / base.middle;
        let verdict = if ratio >= target.least { "met" } else { "**below**" };
        writeln!(text, "| {} ÷ {} | {ratio:.2} | ≥ {} | {verdict} |", target.row, target.base, target.least)?;
    }
    for (row, least) in RATES {
        let Some(rate) = median(samples, row, |sample| sample.records_per_second) else { continue };
        let verdict = if rate.middle >= *least { "met" } else { "**below**" };
        writeln!(text, "| {row}, records/s | {:.0} | ≥ {least:.0} | {verdict} |", rate.middle)?;
    }
    for sample in samples.iter().filter(|sample| !sample.line["handler_ms"].is_null()) {
        let handler = sample.line["handler_ms"].as_f64().unwrap_or(5.0);
        let possible = 256.0 / handler * 1_000.0;
        let share = sample.records_per_second / possible;
        writeln!(text, "\n{}: {share:.3} of 256 / mean handler time ({handler:.2} ms); target ≥ 0.95", sample.row)?;
    }
    let memory = |name| median(samples, name, |sample| sample.peak_memory_mib);
    if let (Some(few), Some(many)) = (memory(FEW_HELD), memory(MANY_HELD)) {
        let each = (many.middle - few.middle) * f64::from(1 << 20) / (HELD.1 - HELD.0) as f64;
        writeln!(text, "\nmemory per record in flight: {each:.0} bytes, of which `credit.bytes` counts 567")?;
    }
    for sample in samples.iter().filter(|sample| LONG.contains(&sample.row)) {
        let sizes: Vec<f64> = sample.line["rss_mib"].as_array().into_iter().flatten().filter_map(serde_json::Value::as_f64).collect();
        let Some(slope) = slope(&sizes) else { continue };
        let shown: Vec<String> = sizes.iter().map(|size| format!("{size:.0}")).collect();
        writeln!(
            text,
            "\n{}: memory after each million {} MiB; {slope:.2} MiB per million after the first; target < 1",
            sample.row,
            shown.join(", ")
        )?;
    }
    for sample in samples.iter().filter(|sample| !sample.line["p99_ms"].is_null()) {
        let line = &sample.line;
        writeln!(
            text,
            "\n{}: p50 {} ms, p99 {} ms, most {} ms; target p99 ≤ 10 ms",
            sample.row, line["p50_ms"], line["p99_ms"], line["max_ms"]
        )?;
    }
    println!("{text}");
    std::fs::write(out.join("results.md"), &text)?;
    std::fs::write(out.join("results.json"), serde_json::to_vec_pretty(samples)?)?;
    Ok(())
}

/// By how much a size grows from one value to the next, by least squares: single peaks weigh little.
fn slope(sizes: &[f64]) -> Option<f64> {
    let count = sizes.len() as f64;
    let middle = (sizes.iter().sum::<f64>() / count, (count - 1.0) / 2.0);
    let (mut over, mut under) = (0.0, 0.0);
    for (at, size) in sizes.iter().enumerate() {
        let distance = at as f64 - middle.1;
        over += distance * (size - middle.0);
        under += distance * distance;
    }
    (sizes.len() > 1).then(|| over / under)
}

fn median(samples: &[Sample], row: &str, of: impl Fn(&Sample) -> f64) -> Option<Median> {
    let mut values: Vec<f64> = samples.iter().filter(|sample| sample.row == row).map(of).collect();
    values.sort_by(f64::total_cmp);
    Some(Median { middle: *values.get(values.len() / 2)?, least: *values.first()?, most: *values.last()? })
}
