//! Clients of the legacy era over Streamable HTTP: a handshake, a session, streams both ways.

mod batch;
mod elsewhere;
mod local;
mod message;
mod request;
mod session;
mod stream;
mod token;

use std::sync::Arc;

use toolgate_gateway::gateway::Gateway;
use toolgate_protocol::jsonrpc::{Kind, Message};

use super::body::{Answer, empty};
use crate::app::{Admitted, App};
use crate::front::head::Head;
use elsewhere::elsewhere;
use request::request;
use session::{initialize, lasting_session_of};

pub use batch::{batch, serve_batch};
pub use message::{notification, response};
pub use request::exchange;
pub use session::{begin, greeting, serve_delete};
pub use stream::{follow, serve_get};

/// Serves one POST in legacy framing. An error is what was refused before it had a record.
pub async fn serve_post(
    app: &Arc<App>,
    gateway: Arc<Gateway>,
    head: &Head,
    message: Message,
    admitted: Admitted,
) -> Result<Answer, Answer> {
    if message.kind() == Kind::Request && message.method() == Some("initialize") {
        return Ok(Box::pin(initialize(app, &gateway, head, &message)).await);
    }
    let live = lasting_session_of(app, head, message.id()).await?;
    if app.has_replicas()
        && let Some(answer) = Box::pin(elsewhere(app, &gateway, head, &live, &message)).await
    {
        return answer;
    }
    Ok(match message.kind() {
        Kind::Request => request(app, gateway, &live, head, message, admitted).await,
        Kind::Notification => {
            notification(&gateway, &live, &message).await;
            empty(202)
        }
        Kind::Result | Kind::Error => {
            response(&live, &message);
            empty(202)
        }
    })
}
