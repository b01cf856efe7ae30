//! The body of an answer, read while its connection is driven.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use hyper::body::Body as _;

use super::{Connection, HttpError, Pool, Raw};

/// How long the end of a body may be in coming after its last message.
const REST: Duration = Duration::from_secs(1);
/// Pieces after the last message that are read at once.
const MOST_REST: usize = 4;

/// An answer's body. Dropped before its end, it closes the connection, which is how a call over
/// HTTP is cancelled (2026-07-28, transports: cancellation).
pub struct Body {
    incoming: Raw,
    connection: Option<Box<Connection>>,
    pool: Arc<Pool>,
    ended: bool,
}

impl Body {
    pub(super) fn new(incoming: Raw, connection: Option<Box<Connection>>, pool: Arc<Pool>) -> Body {
        Body { incoming, connection, pool, ended: false }
    }

    /// The next piece; `None` at the end.
    ///
    /// # Errors
    /// When the connection breaks.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, HttpError> {
        poll_fn(|cx| self.poll_chunk(cx)).await
    }

    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, HttpError>> {
        loop {
            if self.ended {
                return Poll::Ready(Ok(None));
            }
            match self.poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => {
                    if let Ok(data) = frame.into_data() {
                        return Poll::Ready(Ok(Some(data)));
                    }
                }
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Err(error.into())),
                Poll::Ready(None) => {
                    self.finish();
                    return Poll::Ready(Ok(None));
                }
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<hyper::body::Frame<Bytes>, hyper::Error>>> {
        if let ready @ Poll::Ready(_) = Pin::new(&mut self.incoming).poll_frame(cx) {
            return ready;
        }
        // Nothing buffered: let the connection read. Once it has closed, what it has read
        // before is still to be had.
        if let Some(connection) = &mut self.connection
            && Pin::new(&mut connection.driver).poll(cx).is_ready()
        {
            self.connection = None;
        }
        Pin::new(&mut self.incoming).poll_frame(cx)
    }

    fn finish(&mut self) {
        self.ended = true;
        if let Some(connection) = self.connection.take() {
            self.pool.give_back(connection);
        }
    }

    /// Reads what little should follow a stream's last message, so that the connection can serve
    /// again: at once where it is there already, as it nearly always is, else aside.
    pub fn finish_later(mut self) {
        let mut cx = Context::from_waker(std::task::Waker::noop());
        for _ in 0..MOST_REST {
            match self.poll_chunk(&mut cx) {
                Poll::Ready(Ok(Some(_))) => {}
                Poll::Ready(_) => return,
                Poll::Pending => break,
            }
        }
        tokio::spawn(async move {
            let rest = async { while let Ok(Some(_)) = self.chunk().await {} };
            let _ = tokio::time::timeout(REST, rest).await;
        });
    }

    /// Reads to the end. One piece, as small answers are, is not copied.
    ///
    /// # Errors
    /// When there is more than `limit` bytes, or the connection breaks.
    pub async fn collect(&mut self, limit: usize) -> Result<Bytes, HttpError> {
        let Some(first) = self.chunk().await? else { return Ok(Bytes::new()) };
        if first.len() > limit {
            return Err(HttpError::TooLarge(limit));
        }
        let Some(second) = self.chunk().await? else { return Ok(first) };
        let expected = self.incoming.size_hint().lower() as usize;
        let mut whole = BytesMut::with_capacity(
            (first.len() + second.len()).saturating_add(expected).min(limit),
        );
        whole.extend_from_slice(&first);
        let mut next = Some(second);
        while let Some(piece) = next {
            if whole.len() + piece.len() > limit {
                return Err(HttpError::TooLarge(limit));
            }
            whole.extend_from_slice(&piece);
            next = self.chunk().await?;
        }
        Ok(whole.freeze())
    }
}
