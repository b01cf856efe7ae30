//! The files that a configuration names, read within bounds.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::path::Path;

use toolgate_gateway::config::servers::content::template::{Escape, Template, Templates};
use toolgate_gateway::config::servers::content::{ContentLimits, DeclaredArgument};

use crate::argument::Argument;
use crate::render::Renderer;

/// Bytes of all files together.
const ALL: usize = 64 << 20;

/// What reads files and templates, and how much it may still read.
pub(crate) struct Reading {
    templates: Templates,
    largest: usize,
    left: usize,
}

impl Reading {
    pub(crate) fn new(limits: &ContentLimits) -> Reading {
        Reading { templates: Templates::default(), largest: limits.file.bytes(), left: ALL }
    }

    pub(crate) fn bytes(&mut self, path: &Path) -> Result<Vec<u8>, String> {
        let failed = |error: std::io::Error| format!("cannot read {}: {error}", path.display());
        let most = self.largest.min(self.left);
        let mut bytes = Vec::new();
        // A pipe would be waited for.
        if !std::fs::metadata(path).map_err(failed)?.is_file() {
            return Err(format!("{} is no regular file", path.display()));
        }
        let file = std::fs::File::open(path).map_err(failed)?;
        file.take(most as u64 + 1).read_to_end(&mut bytes).map_err(failed)?;
        if bytes.len() > most {
            let why = if most == self.largest { "limits.file" } else { "64MiB for all files" };
            return Err(format!("{} is larger than {why}", path.display()));
        }
        self.left -= bytes.len();
        Ok(bytes)
    }

    pub(crate) fn text(&mut self, path: &Path) -> Result<String, String> {
        String::from_utf8(self.bytes(path)?)
            .map_err(|_| format!("{} is no UTF-8 text", path.display()))
    }

    pub(crate) fn template(
        &mut self,
        source: &str,
        escape: Escape,
        variables: &BTreeSet<&str>,
    ) -> Result<Template, String> {
        self.templates.add(source, escape, variables).map_err(|flaw| flaw.to_string())
    }

    pub(crate) fn arguments(
        &mut self,
        declared: &BTreeMap<String, DeclaredArgument>,
    ) -> Result<BTreeMap<String, Argument>, String> {
        let mut arguments = BTreeMap::new();
        for (name, rules) in declared {
            let argument = Argument::load(rules, &mut |path| self.text(path))
                .map_err(|error| format!("arguments.{name}: {error}"))?;
            arguments.insert(name.clone(), argument);
        }
        Ok(arguments)
    }

    /// Whoever writes what the templates say that were read, up to so many bytes each.
    pub(crate) fn renderer(self, most: usize) -> Renderer {
        Renderer::new(self.templates, most)
    }
}
