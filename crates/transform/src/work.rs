//! The process that does the work of one call: it bounds itself, reads what is to be done from its
//! input, and prints what became of it.

use std::io::{self, Read, Write};
use std::time::Duration;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use toolgate_hosted::apart;

use crate::done::{Done, Wrong};
use crate::{image, pdf, query, text, validate};

/// What is to be done.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Job {
    pub(crate) tool: String,
    pub(crate) arguments: Map<String, Value>,
    /// Processor time, in seconds.
    pub(crate) seconds: u64,
    /// In bytes.
    pub(crate) memory: u64,
    /// Bytes of what is printed.
    pub(crate) output: usize,
    pub(crate) pixels: u64,
}

/// What became of it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Outcome {
    /// The result of the tool.
    Done(Value),
    /// Why not, for the model.
    Wrong(String),
}

/// Does what its input says. For a process that was started for it alone.
///
/// # Errors
/// One sentence: it cannot be bounded, or its input is none.
pub fn serve() -> Result<(), String> {
    let mut input = Vec::new();
    let failed = |error: io::Error| error.to_string();
    io::stdin().lock().read_to_end(&mut input).map_err(failed)?;
    let job: Job = serde_json::from_slice(&input).map_err(|error| error.to_string())?;
    apart::bound(job.seconds, job.memory)?;
    drop(input);
    std::panic::set_hook(Box::new(|_| end_broken()));
    let outcome = match perform(&job) {
        Ok(result) => Outcome::Done(result),
        Err(wrong) => Outcome::Wrong(wrong.told()),
    };
    let printed = serde_json::to_vec(&outcome).map_err(|error| error.to_string())?;
    io::stdout().lock().write_all(&printed).map_err(failed)
}

/// Ends the process where a library gave up on what it was given: nothing was printed yet.
fn end_broken() {
    let why = "it is damaged in a way that cannot be read; nothing was converted".to_owned();
    if let Ok(printed) = serde_json::to_vec(&Outcome::Wrong(why)) {
        // Whoever reads it may be gone.
        let _ = io::stdout().lock().write_all(&printed);
    }
    std::process::exit(0);
}

/// The result of a tool.
fn perform(job: &Job) -> Result<Value, Wrong> {
    let structured = match &*job.tool {
        "convert_text" => input::<text::Input>(job)?.convert()?,
        "query_data" => input::<query::Input>(job)?.query()?,
        "validate_data" => input::<validate::Input>(job)?.validate()?,
        "convert_pdf" => return pages(job),
        _ => return picture(job),
    };
    let text = match structured["output"].as_str() {
        Some(output) => told(output, &structured["losses"]),
        None => structured.to_string(),
    };
    bounded(text.len(), job)?;
    Ok(json!({ "content": [{ "type": "text", "text": text }], "structuredContent": structured }))
}

fn pages(job: &Job) -> Result<Value, Wrong> {
    // Half of the time is for opening the file, and for what one page takes.
    let time = Duration::from_secs(job.seconds) / 2;
    let structured = input::<pdf::Input>(job)?.convert(job.output, time)?;
    let output = structured["output"].as_str().unwrap_or_default();
    let mut text = told(output, &structured["losses"]);
    if let Some(next) = structured["next_page"].as_u64() {
        text.push_str(&format!("\n\n(There is more; go on with first_page {next}.)"));
    }
    Ok(json!({ "content": [{ "type": "text", "text": text }], "structuredContent": structured }))
}

fn picture(job: &Job) -> Result<Value, Wrong> {
    let Done { output, losses } = input::<image::Input>(job)?.convert(job.pixels)?;
    bounded(output.bytes.len(), job)?;
    let structured = json!({
        "mime_type": output.mime_type,
        "width": output.width,
        "height": output.height,
        "bytes": output.bytes.len(),
        "losses": losses,
    });
    let data = BASE64_STANDARD.encode(&output.bytes);
    let content = json!([
        { "type": "image", "data": data, "mimeType": output.mime_type },
        { "type": "text", "text": structured.to_string() },
    ]);
    Ok(json!({ "content": content, "structuredContent": structured }))
}

fn input<T: DeserializeOwned>(job: &Job) -> Result<T, Wrong> {
    serde_json::from_value(Value::Object(job.arguments.clone()))
        .map_err(|error| Wrong(format!("the arguments are not what the tool takes: {error}")))
}

fn bounded(size: usize, job: &Job) -> Result<(), Wrong> {
    if size <= job.output {
        return Ok(());
    }
    Err(Wrong(format!("the result would take {size} bytes, and {} are the most", job.output)))
}

/// A text, and what it lost.
fn told(output: &str, losses: &Value) -> String {
    let losses: Vec<_> =
        losses.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    if losses.is_empty() {
        return output.to_owned();
    }
    format!("{output}\n\n(Lost: {}.)", losses.join("; "))
}
