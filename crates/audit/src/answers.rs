//! Answers on their way back from the writer's thread to those who wait for them.

use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::{mpsc, oneshot};

use crate::queue::Reserved;

struct Answer {
    to: oneshot::Sender<Reserved>,
    what: Reserved,
}

impl Answer {
    fn give(self) {
        // If nobody waits any more the ticket comes back, and its drop closes the record.
        let _ = self.to.send(self.what);
    }
}

/// How answers reach those who wait.
///
/// On a runtime with one thread, each wake from outside is a system call. There a task is woken
/// once for all that were written together, and wakes the others from inside, for next to nothing.
pub(crate) struct Answers(Option<mpsc::UnboundedSender<Answer>>);

impl Answers {
    /// To those who wait on this runtime, if there is one.
    pub(crate) fn here() -> Answers {
        let runtime = Handle::try_current().ok();
        let single = runtime.filter(|it| it.runtime_flavor() == RuntimeFlavor::CurrentThread);
        Answers(single.map(|runtime| {
            let (sender, mut answers) = mpsc::unbounded_channel::<Answer>();
            runtime.spawn(async move {
                while let Some(answer) = answers.recv().await {
                    answer.give();
                }
            });
            sender
        }))
    }

    pub(crate) fn give(&self, to: oneshot::Sender<Reserved>, what: Reserved) {
        let answer = Answer { to, what };
        let undelivered = match &self.0 {
            Some(sender) => sender.send(answer).err().map(|error| error.0),
            None => Some(answer),
        };
        if let Some(answer) = undelivered {
            answer.give();
        }
    }
}
