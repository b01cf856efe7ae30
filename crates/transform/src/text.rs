//! `convert_text`: which way a text goes.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::data::{Format, Sheet};
use crate::done::{Done, Wrong};
use crate::{markdown, page};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    text: String,
    from: Kind,
    to: Kind,
    #[serde(default)]
    csv: Sheet,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Csv,
    Json,
    Toml,
    Xml,
    Yaml,
    Markdown,
    Html,
    Text,
}

impl Kind {
    fn data(self) -> Option<Format> {
        match self {
            Kind::Csv => Some(Format::Csv),
            Kind::Json => Some(Format::Json),
            Kind::Toml => Some(Format::Toml),
            Kind::Xml => Some(Format::Xml),
            Kind::Yaml => Some(Format::Yaml),
            Kind::Markdown | Kind::Html | Kind::Text => None,
        }
    }
}

impl Input {
    pub(crate) fn convert(&self) -> Result<Value, Wrong> {
        let Done { output, losses } = match (self.from, self.to) {
            (Kind::Markdown, Kind::Html) => markdown::to_html(&self.text),
            (Kind::Markdown, Kind::Text) => markdown::to_text(&self.text),
            (Kind::Html, Kind::Markdown) => page::to_markdown(&self.text),
            (Kind::Html, Kind::Text) => page::to_text(&self.text),
            (from, to) => {
                let target = if to == Kind::Markdown { Some(Format::Markdown) } else { to.data() };
                let (Some(from), Some(to)) = (from.data(), target) else {
                    return Err(Wrong::new(
                        "there is no such way: csv, json, toml, xml and yaml convert to each \
                         other and to a markdown table; markdown to html and text; html to \
                         markdown and text",
                    ));
                };
                let read = from.read(&self.text, self.csv)?;
                let written = to.write(&read.output, self.csv)?;
                let losses = [read.losses, written.losses].concat();
                Done { output: written.output, losses }
            }
        };
        Ok(json!({ "output": output, "losses": losses }))
    }
}
