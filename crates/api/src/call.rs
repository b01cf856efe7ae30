//! The life of a tool's call: what it asks for is fetched and becomes its result, or a failure that it
//! tells.

use serde_json::{Map, Value};
use toolgate_hosted::{Answer, Asked, Failed};

use crate::answer;
use crate::aside::aside;
use crate::engine::{Engine, Stop};
use crate::gather::gather;
use crate::operation::Operation;
use crate::request::Base;

/// Runs one operation.
///
/// # Errors
/// There is no answer, or it is not what the tool promises.
pub(crate) async fn run(
    engine: &Engine,
    base: &Base,
    operation: &Operation,
    arguments: &Map<String, Value>,
    asked: &Asked,
) -> Result<Answer, Failed> {
    let outcome = match &operation.answer.pages {
        Some(pages) => gather(engine, base, operation, pages, arguments, asked).await,
        None => once(engine, base, operation, arguments).await,
    };
    match outcome {
        Ok(answer) => Ok(answer),
        Err(Stop::Wrong(fault) | Stop::Told(fault) | Stop::Absent(fault)) => {
            Ok(answer::failed(&fault, asked.trace().id())?)
        }
        Err(Stop::Failed(fault)) => Err(fault.into()),
    }
}

async fn once(
    engine: &Engine,
    base: &Base,
    operation: &Operation,
    arguments: &Map<String, Value>,
) -> Result<Answer, Stop> {
    let response = engine.fetch(base, operation, arguments, None, engine.deadline()).await?;
    let (api, mapping) = (engine.name.clone(), operation.answer.clone());
    let promises = operation.tool.output_schema.is_some();
    let size = response.body().len();
    let answer = aside(size, move || {
        let held = answer::read(&api, &mapping, &response)?;
        answer::whole(&api, &mapping, promises, held)
    });
    Ok(answer.await??)
}
