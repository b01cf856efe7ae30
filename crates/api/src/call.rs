//! The life of a tool's call: what it asks for is fetched and becomes its result, or a failure that it
//! tells.

use toolgate_hosted::{Answer, Asked, Failed};

use crate::answer;
use crate::aside::aside;
use crate::engine::{Engine, Question, Stop};
use crate::failure::of_answered;
use crate::gather::gather;

/// Runs one operation.
///
/// # Errors
/// There is no answer, or it is not what the tool promises.
pub(crate) async fn run(
    engine: &Engine,
    question: Question<'_>,
    asked: &Asked,
) -> Result<Answer, Failed> {
    let outcome = match &question.operation.answer.pages {
        Some(pages) => gather(engine, question, pages, asked).await,
        None => once(engine, question).await,
    };
    match outcome {
        Ok(answer) => Ok(answer),
        Err(Stop::Wrong(fault) | Stop::Told(fault) | Stop::Absent(fault)) => {
            Ok(answer::failed(&fault, asked.trace().id())?)
        }
        Err(Stop::Failed(fault)) => Err(fault.into()),
    }
}

async fn once(engine: &Engine, question: Question<'_>) -> Result<Answer, Stop> {
    let response = engine.fetch(question, None, engine.deadline()).await?;
    let operation = question.operation;
    let (api, mapping) = (engine.name.clone(), operation.answer.clone());
    let promises = operation.tool.output_schema.is_some();
    let size = response.body().len();
    let answer = aside(size, move || {
        let held = answer::read(&api, &mapping, &response)?;
        answer::whole(&api, &mapping, promises, held)
    });
    let answer = answer.await.unwrap_or_else(Err);
    answer.map_err(|fault| Stop::Failed(of_answered(operation, fault)))
}
