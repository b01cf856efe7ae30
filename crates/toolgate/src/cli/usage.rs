//! `toolgate usage`: what was used, by whom, of what.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde_json::json;
use toolgate_gateway::config::Checked;
use toolgate_gateway::usage::{Amount, Counter, Period, Store as _, What};
use toolgate_upstreams::Hosts;

use super::tell;
use crate::build;
use crate::stores::usage_file;

/// What to print.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  toolgate usage gateway.yaml
  toolgate usage usage.json --tenant acme --from 2026-11-01 --json")]
pub struct UsageArgs {
    /// A configuration with usage.file or a store, or that file itself.
    path: PathBuf,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    /// Only this tenant.
    #[arg(long)]
    tenant: Option<String>,
    /// Only this day and later ones.
    #[arg(long, value_name = "DAY")]
    from: Option<Period>,
    /// Only this day and earlier ones.
    #[arg(long, value_name = "DAY")]
    to: Option<Period>,
    /// Print what counts against quotas instead.
    #[arg(long)]
    quotas: bool,
}

/// Exit: 0 printed, 1 not.
pub async fn run(args: UsageArgs, hosts: &Hosts) -> ExitCode {
    tell(read(&args.path, hosts).await.map(|counters| {
        let rows = rows(&args, counters);
        if args.json { to_json(&rows) } else { to_table(&rows, args.quotas) }
    }))
}

/// The file itself, or what a configuration names.
async fn read(path: &Path, hosts: &Hosts) -> Result<Vec<(Counter, Amount)>, String> {
    if let Ok(counters) = usage_file::read(path) {
        return Ok(counters);
    }
    let (config, ..) = build::load(Some(path), hosts)
        .map_err(|problems| format!("neither usage nor a sound configuration:\n{problems}"))?;
    if config.store.url().is_some() {
        return read_shared(&config).await;
    }
    let file = config.usage.file.clone().ok_or_else(|| {
        format!("{}: keeps no usage (add usage: {{ file: usage.json }})", path.display())
    })?;
    usage_file::read(&file)
}

/// What all replicas counted.
async fn read_shared(config: &Checked) -> Result<Vec<(Counter, Amount)>, String> {
    let Some(store) = build::store(config)? else { return Ok(Vec::new()) };
    store.all().await.map_err(|error| format!("the store does not answer: {error}"))
}

/// Period, and up to three names.
type Row = ((Period, [String; 3]), Amount);

fn rows(args: &UsageArgs, counters: Vec<(Counter, Amount)>) -> Vec<Row> {
    let mut rows: BTreeMap<(Period, [String; 3]), Amount> = BTreeMap::new();
    for (counter, amount) in counters {
        let names = match (counter.what, args.quotas) {
            (What::Tool { tenant, server, tool }, false) => {
                [tenant.map_or_else(|| "-".to_owned(), String::from), server.into(), tool.into()]
            }
            (What::Quota { name, of }, true) => [name.into(), of.into(), String::new()],
            _ => continue,
        };
        let [first, ..] = &names;
        let is_wanted = args.tenant.as_ref().is_none_or(|tenant| args.quotas || tenant == first)
            && args.from.is_none_or(|from| from <= counter.period)
            && args.to.is_none_or(|to| counter.period <= to);
        if is_wanted {
            let row = rows.entry((counter.period, names)).or_default();
            *row = row.plus(amount);
        }
    }
    rows.into_iter().collect()
}

fn to_json(rows: &[Row]) -> String {
    let rows: Vec<_> = rows
        .iter()
        .map(|((period, [first, second, third]), used)| {
            let mut row = match third.is_empty() {
                true => json!({ "period": period, "quota": first, "of": second }),
                false => json!({
                    "day": period,
                    "tenant": (first != "-").then_some(first),
                    "server": second,
                    "tool": third,
                }),
            };
            row["calls"] = used.calls.into();
            row["errors"] = used.errors.into();
            row["cost"] = used.cost.into();
            row["seconds"] = seconds(*used).into();
            row["bytes"] = used.bytes.into();
            row
        })
        .collect();
    format!("{:#}", json!({ "usage": rows }))
}

fn seconds(used: Amount) -> f64 {
    used.micros as f64 / 1e6
}

fn to_table(rows: &[Row], quotas: bool) -> String {
    let heads = match quotas {
        true => ["PERIOD", "QUOTA", "OF", ""],
        false => ["DAY", "TENANT", "SERVER", "TOOL"],
    };
    let mut cells: Vec<Vec<String>> = vec![heads.map(str::to_owned).into()];
    cells[0].extend(["CALLS", "ERRORS", "COST", "SECONDS", "BYTES"].map(str::to_owned));
    for ((period, names), used) in rows {
        let mut row = vec![period.to_string()];
        // A name is somebody else's text: what could move the cursor is told, not done.
        row.extend(names.iter().map(|name| name.escape_debug().to_string()));
        row.extend([used.calls, used.errors, used.cost].map(|count| count.to_string()));
        row.extend([format!("{:.3}", seconds(*used)), used.bytes.to_string()]);
        cells.push(row);
    }
    let columns = cells[0].len();
    let width = |at: usize| cells.iter().map(|row| row[at].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for row in &cells {
        let mut line = String::new();
        for (at, cell) in row.iter().enumerate().filter(|(at, _)| widths[*at] > 0) {
            let width = widths[at];
            let _ = match at < 4 {
                true => write!(line, "{cell:<width$}  "),
                false => write!(line, "{cell:>width$}  "),
            };
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text.trim_end().to_owned()
}
