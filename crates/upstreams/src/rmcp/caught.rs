//! A handler that answers whatever happens in it, works for nobody who has gone away, and is told
//! where progress goes.

use std::borrow::Cow;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use ::rmcp::model::{
    ClientNotification, ClientRequest, ErrorData, ProgressNotificationParam, ProgressToken,
    ProtocolVersion, ServerConfig, ServerResult,
};
use ::rmcp::service::{NotificationContext, RequestContext};
use ::rmcp::{Peer, RoleServer, ServerHandler, Service};
use futures_util::FutureExt as _;
use toolgate_gateway::call::Boxed;
use toolgate_hosted::{Context, Progress};

/// A handler whose panics are errors of the request that they happen in: without an answer a
/// client would wait for its time to run out.
pub(super) struct Caught<H> {
    /// Of the server, for the log.
    pub name: Arc<str>,
    pub handler: H,
}

impl<H> Caught<H> {
    fn panicked(&self) {
        tracing::error!(server = %self.name, "a handler panicked");
    }
}

impl<H: ServerHandler> Service<RoleServer> for Caught<H> {
    async fn handle_request(
        &self,
        request: ClientRequest,
        mut context: RequestContext<RoleServer>,
    ) -> Result<ServerResult, ErrorData> {
        let token = context.meta.get_progress_token();
        if let (Some(token), Some(known)) = (token, context.extensions.get::<Context>()) {
            let reports = Reports { peer: context.peer.clone(), token };
            let known = known.clone().reporting(Arc::new(reports));
            context.extensions.insert(known);
        }
        let cancelled = context.ct.clone();
        let work = AssertUnwindSafe(self.handler.handle_request(request, context));
        tokio::select! {
            answer = work.catch_unwind() => answer.unwrap_or_else(|_| {
                self.panicked();
                Err(ErrorData::internal_error("the server failed", None))
            }),
            // Nobody waits for the answer, and handlers seldom look: the work ends here.
            () = cancelled.cancelled() => Err(ErrorData::internal_error("cancelled", None)),
        }
    }

    async fn handle_notification(
        &self,
        notification: ClientNotification,
        context: NotificationContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        let work = AssertUnwindSafe(self.handler.handle_notification(notification, context));
        work.catch_unwind().await.unwrap_or_else(|_| {
            self.panicked();
            Ok(())
        })
    }

    fn get_info(&self) -> ServerConfig {
        Service::get_info(&self.handler)
    }

    fn supported_protocol_versions(&self) -> Cow<'static, [ProtocolVersion]> {
        Service::supported_protocol_versions(&self.handler)
    }
}

/// Progress of one request, told by way of the SDK.
struct Reports {
    peer: Peer<RoleServer>,
    token: ProgressToken,
}

impl Progress for Reports {
    fn report<'a>(
        &'a self,
        done: f64,
        total: Option<f64>,
        message: Option<&'a str>,
    ) -> Boxed<'a, ()> {
        let mut told = ProgressNotificationParam::new(self.token.clone(), done);
        told.total = total;
        told.message = message.map(str::to_owned);
        Box::pin(async move {
            // Whoever does not listen any more need not be told.
            let _ = self.peer.notify_progress(told).await;
        })
    }
}
