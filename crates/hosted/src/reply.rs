//! An answer as the reply to a request, or as the end of one.

use toolgate_gateway::call::{End, Reply, Request};
use toolgate_gateway::fault::{Fault, Reason, SideEffect};
use toolgate_protocol::jsonrpc::{self, Message};
use toolgate_protocol::version::Era;

use crate::answer::Answer;
use crate::failed::Failed;

/// An answer that is all there is of a reply.
pub(crate) fn whole(request: &Request, answer: Result<Answer, Failed>) -> Result<Reply, Fault> {
    end(request.message.id().unwrap_or("null"), answer).map(Reply::Whole)
}

/// Makes an answer the end of a reply.
pub(crate) fn end(id: &str, answer: Result<Answer, Failed>) -> Result<End, Fault> {
    let bytes = match answer {
        Ok(answer) => jsonrpc::result(id, answer.json()),
        Err(Failed::Refused(refusal)) => {
            let data = refusal.data.map(|data| data.to_string());
            jsonrpc::error(Some(id), refusal.code, &refusal.message, data.as_deref())
        }
        Err(Failed::Fault(fault)) => return Err(fault),
    };
    let message = Message::scan_reply(bytes, &Default::default()).map_err(|error| {
        let mut fault = Fault::new(Reason::Internal, "a server of this process failed");
        // There is an answer, if none that anybody reads: what was asked for is done.
        fault.side_effect = SideEffect::Unknown;
        fault.because(error)
    })?;
    Ok(End { message, era: Era::Legacy, status: None })
}
