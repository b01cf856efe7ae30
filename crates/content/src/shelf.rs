//! All that is served, as it was read last.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use toolgate_gateway::config::servers::content::template::{Escape, Templates};
use toolgate_gateway::config::servers::content::{Content as Rules, DeclaredArgument};

use crate::argument::Argument;
use crate::prompt::Prompt;
use crate::resource::Resource;

/// Bytes of all files together.
const ALL: usize = 64 << 20;

/// Prompts and resources, ready to be asked for.
pub(crate) struct Shelf {
    pub(crate) templates: Templates,
    pub(crate) prompts: BTreeMap<String, Prompt>,
    pub(crate) resources: BTreeMap<String, Resource>,
    /// The most that one template may write, in bytes.
    pub(crate) most: usize,
}

impl Shelf {
    /// Reads all of it.
    ///
    /// # Errors
    /// What cannot be served, and why.
    pub(crate) fn load(rules: &Rules) -> Result<Shelf, String> {
        let mut reading = Reading {
            templates: Templates::default(),
            largest: rules.limits.file.bytes(),
            left: ALL,
        };
        let mut prompts = BTreeMap::new();
        for (name, prompt) in &rules.prompts {
            let prompt = Prompt::load(prompt, &mut reading)
                .map_err(|error| format!("content.prompts.{name}: {error}"))?;
            prompts.insert(name.clone(), prompt);
        }
        let mut resources = BTreeMap::new();
        for (name, resource) in &rules.resources {
            let resource = Resource::load(resource, &mut reading)
                .map_err(|error| format!("content.resources.{name}: {error}"))?;
            resources.insert(name.clone(), resource);
        }
        let most = rules.limits.output.bytes();
        Ok(Shelf { templates: reading.templates, prompts, resources, most })
    }
}

/// What reads files and templates, and how much it may still read.
pub(crate) struct Reading {
    templates: Templates,
    largest: usize,
    left: usize,
}

impl Reading {
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
    ) -> Result<toolgate_gateway::config::servers::content::template::Template, String> {
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
}

/// The files that a configuration names.
pub(crate) fn files(rules: &Rules) -> BTreeSet<PathBuf> {
    let messages = rules.prompts.values().flat_map(|prompt| &prompt.messages);
    let of_messages = messages.flat_map(|message| [&message.template, &message.file]);
    let of_resources = rules.resources.values().flat_map(|it| [&it.template, &it.file]);
    let arguments = rules.prompts.values().map(|prompt| &prompt.arguments);
    let arguments = arguments.chain(rules.resources.values().map(|it| &it.arguments));
    let of_arguments = arguments.flat_map(BTreeMap::values).map(|argument| &argument.suggest_file);
    of_messages.chain(of_resources).chain(of_arguments).flatten().cloned().collect()
}
