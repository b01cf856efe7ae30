//! Who does the work: processes of this program, so many at once.

use std::path::PathBuf;
use std::sync::Arc;

use serde_json::{Map, Value};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Command;
use tokio::sync::Semaphore;
use toolgate_gateway::config::Transform as Rules;
use toolgate_gateway::fault::{Fault, Reason};
use toolgate_hosted::apart::Program;
use toolgate_hosted::{Answer, Failed};

use crate::work::{Job, Outcome};

/// Processes at the same time; more calls wait for their turn.
const AT_ONCE: usize = 4;
/// Base64, JSON and what is told besides make of a result at most so many times its bytes.
const PRINTED: usize = 8;

/// How work is done.
pub struct Worker {
    program: Option<Program>,
    turns: Arc<Semaphore>,
}

impl Worker {
    /// By this program, which calls [`serve`](crate::serve) when it is given these arguments.
    pub fn new(path: PathBuf, arguments: Vec<String>) -> Worker {
        Worker {
            program: Some(Program::new(path, arguments)),
            turns: Arc::new(Semaphore::new(AT_ONCE)),
        }
    }

    /// Not at all.
    pub fn none() -> Worker {
        Worker { program: None, turns: Arc::new(Semaphore::new(AT_ONCE)) }
    }

    pub(crate) async fn run(
        &self,
        rules: &Rules,
        tool: &str,
        arguments: Map<String, Value>,
    ) -> Result<Answer, Failed> {
        let limits = &rules.limits;
        let time = limits.time.duration();
        let job = Job {
            tool: tool.to_owned(),
            arguments,
            seconds: time.as_secs().max(1),
            memory: limits.memory.bytes() as u64,
            output: limits.output.bytes(),
            pixels: limits.pixels,
        };
        let job = serde_json::to_vec(&job).map_err(|error| broken(&error))?;
        if job.len() > limits.input.bytes() {
            let text = format!("more than {} is not converted; send less at once", limits.input);
            return Err(Fault::new(Reason::Arguments, text).into());
        }
        let _turn = self.turns.acquire().await.map_err(|error| broken(&error))?;
        let most = limits.output.bytes().saturating_mul(PRINTED);
        let printed = match tokio::time::timeout(time, self.work(&job, most)).await {
            Ok(printed) => printed?,
            Err(_) => return Err(too_much().into()),
        };
        match serde_json::from_slice(&printed) {
            Ok(Outcome::Done(result)) => Ok(result.into()),
            Ok(Outcome::Wrong(why)) => Err(Fault::new(Reason::Arguments, why).into()),
            Err(_) => Err(too_much().into()),
        }
    }

    async fn work(&self, job: &[u8], most: usize) -> Result<Vec<u8>, Fault> {
        let Some(program) = &self.program else {
            return Err(Fault::new(Reason::Unreachable, "nothing is converted here").unsent());
        };
        let mut child = Command::from(program.command())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| broken(&error))?;
        let (input, output) = (child.stdin.take(), child.stdout.take());
        let mut printed = Vec::new();
        let give = async {
            if let Some(mut input) = input {
                // It may end before it read all.
                let _ = input.write_all(job).await;
            }
        };
        let take = async {
            match output {
                Some(output) => output.take(most as u64).read_to_end(&mut printed).await.map(drop),
                None => Ok(()),
            }
        };
        let (_, taken) = tokio::join!(give, take);
        taken.map_err(|error| broken(&error))?;
        let ended = child.wait().await.map_err(|error| broken(&error))?;
        if ended.success() { Ok(printed) } else { Err(too_much()) }
    }
}

fn broken(error: &dyn std::error::Error) -> Fault {
    Fault::new(Reason::Internal, "the conversion could not be done").because(error.to_string())
}

fn too_much() -> Fault {
    let text = "it takes more time or memory than one call may have; nothing was changed";
    Fault::new(Reason::TooLarge, text).unsent()
}
