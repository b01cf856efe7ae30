//! Work that grows with an answer. Where the answer is large, it is done beside the calls and holds up
//! nobody.

use toolgate_gateway::fault::{Fault, Reason};

/// From how many bytes on an answer is large. The work on a smaller one is over in less than a
/// millisecond.
const LARGE: usize = 64 << 10;

/// Does the work on an answer of so many bytes.
///
/// # Errors
/// [`Reason::Internal`]: it panicked, or this process ends.
pub(crate) async fn aside<T: Send + 'static>(
    bytes: usize,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Fault> {
    if bytes < LARGE {
        return Ok(work());
    }
    tokio::task::spawn_blocking(work).await.map_err(|error| {
        Fault::new(Reason::Internal, "the answer could not be read").because(error)
    })
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[tokio::test]
    async fn large_answers_alone_are_worked_on_by_other_threads() {
        let here = thread::current().id();

        let small = aside(LARGE - 1, || thread::current().id()).await.unwrap();
        let large = aside(LARGE, || thread::current().id()).await.unwrap();

        assert_eq!(small, here);
        assert_ne!(large, here);
    }
}
