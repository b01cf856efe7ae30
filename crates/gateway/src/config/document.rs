//! Other files in the manner of the configuration: strict keys, and every problem with its line.

use std::path::Path;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use super::node::Node;
use super::problem::{Place, Problems, Report};
use super::sources::{LARGEST, Machine, Sources};
use super::{interpolate, jsonc, schema, shape, yaml};

/// Reads the file at `path`, YAML or JSON, as a `T`, by the schema of `T`.
///
/// # Errors
/// Everything that is wrong with it, each with its line and a way out.
pub fn document<T: DeserializeOwned + JsonSchema>(path: &Path) -> Result<T, Problems> {
    let mut report = Report::default();
    let read = Machine.read(path).map_err(|error| format!("cannot read the file: {error}"));
    let found = match read {
        Ok(text) => parse(&text, &Arc::from(path), &mut report),
        Err(text) => {
            report.problem(&Place::whole(&Arc::from(path)), text);
            None
        }
    };
    report.end(found).map(|(found, _)| found)
}

fn parse<T: DeserializeOwned + JsonSchema>(
    text: &str,
    file: &Arc<Path>,
    report: &mut Report,
) -> Option<T> {
    if text.len() as u64 > LARGEST {
        report.problem(&Place::whole(file), "larger than 1 MiB");
        return None;
    }
    let json = jsonc::recognises(text);
    let mut root: Node =
        if json { jsonc::read(text, file, report) } else { yaml::read(text, file, report) }?;
    interpolate::apply(&mut root, &Machine, report);
    let schema = schema::of::<T>();
    if !shape::fit(&mut root, &schema, report) {
        return None;
    }
    let read = serde_json::from_value(root.to_json());
    if read.is_err() {
        // Serde's own words may quote a secret, so they stay here.
        report.problem(
            &root.place,
            "the file has the right shape but cannot be read (please report this)",
        );
    }
    read.ok()
}
