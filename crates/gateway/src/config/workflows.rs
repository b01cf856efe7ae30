//! The workflows of a file as they are written, to be looked at and not run: without the secrets and
//! the machine that the rest of the file asks for.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize as _;

use super::node::{Node, Places};
use super::problem::{Place, Problems, Report};
use super::servers::workflow::Workflow;
use super::sources::{Machine, Sources};
use super::{check, interpolate, nodes, schema, shape};

/// Reads the workflows of the configuration in `path`, each with the name of its server. References
/// to the environment and to files stay as they are written.
///
/// # Errors
/// Everything that is wrong with them, each with its line and a way out; of other servers, nothing.
pub fn workflows(path: &Path) -> Result<Vec<(String, Workflow)>, Problems> {
    let mut report = Report::default();
    let file = Arc::from(path);
    let found = match Machine.read(path) {
        Ok(text) => read(&text, &file, &mut report),
        Err(error) => {
            report.problem(&Place::whole(&file), format!("cannot read the file: {error}"));
            None
        }
    };
    report.end(found).map(|(found, _)| found)
}

fn read(text: &str, file: &Arc<Path>, report: &mut Report) -> Option<Vec<(String, Workflow)>> {
    let (mut root, _) = nodes(text, file, report)?;
    let (mut found, schema) = (Vec::new(), schema::of::<Workflow>());
    for server in root.member_mut("servers").into_iter().flat_map(Node::items_mut) {
        let name = server.member("name").and_then(Node::text).unwrap_or_default().to_owned();
        let Some(workflow) = server.member_mut("workflow") else { continue };
        interpolate::apply(workflow, &AsWritten, report);
        if !shape::fit(workflow, &schema, report) {
            continue;
        }
        let path = workflow.place.path.clone();
        let Ok(read) = Workflow::deserialize(workflow.to_json()) else { continue };
        found.push((name, path, read));
    }
    let places = Arc::new(Places::of(&root));
    let checked = found.into_iter().map(|(name, path, workflow)| {
        check::workflow(&places, &AsWritten, report, &path, &workflow);
        (name, workflow)
    });
    Some(checked.collect())
}

/// Every variable and every file is there, and says what refers to it.
struct AsWritten;

impl Sources for AsWritten {
    fn env(&self, name: &str) -> Option<String> {
        Some(format!("${{env:{name}}}"))
    }

    fn read(&self, path: &Path) -> io::Result<String> {
        Ok(format!("${{file:{}}}", path.display()))
    }

    fn is_file(&self, _: &Path) -> bool {
        true
    }

    fn is_directory(&self, _: &Path) -> bool {
        true
    }

    fn absolute(&self, path: &Path) -> PathBuf {
        path.to_owned()
    }
}
