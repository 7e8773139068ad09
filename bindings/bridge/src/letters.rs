//! Dead letters on their way to a function of the host: one after the other, and never in the loop's way.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use onceward::{Consumer, DeadLetter};
use tokio::sync::oneshot;

use crate::Queue;

/// How long a session that has ended waits for the function to hear of its last letters.
const LAST_WORDS: Duration = Duration::from_secs(10);

/// A letter that the function is being told of. Dropped, it has been told.
#[derive(Debug)]
pub struct HeldLetter {
    /// What is told of it.
    pub letter: DeadLetter,
    _told: Told,
}

/// Who waits for the function: a task, or in a rig the rig's thread. Both hear of it when this is dropped.
#[derive(Debug)]
enum Told {
    Task { _sender: oneshot::Sender<()> },
    Thread { _sender: mpsc::Sender<()> },
}

/// What a session knows of letters that are being told.
#[derive(Debug, Default)]
pub(crate) struct Telling {
    in_rig: Arc<AtomicBool>,
    over: Option<oneshot::Receiver<()>>,
}

impl Telling {
    /// Tells the host of each letter through a queue.
    pub(crate) fn through(queue: Arc<Queue>, consumer: Consumer) -> (Self, Consumer) {
        let (alive, over) = oneshot::channel::<()>();
        let in_rig = Arc::new(AtomicBool::new(false));
        let telling = Self { in_rig: Arc::clone(&in_rig), over: Some(over) };
        let consumer = consumer.on_dead_letter(move |letter| {
            // Owned by this closure: when the loop has no letter left to tell, `over` hears of it.
            let _ = &alive;
            let told = tell(&queue, letter, in_rig.load(Ordering::Relaxed));
            async move {
                if let Some(told) = told {
                    // Told, or nobody is there to be told any more.
                    told.await.unwrap_or_default();
                }
            }
        });
        (telling, consumer)
    }

    /// From now on letters are told in a rig: a run of it ends when all of them are.
    pub(crate) fn in_rig(&self) {
        self.in_rig.store(true, Ordering::Relaxed);
    }

    /// Waits until every letter is told, or the function takes too long.
    pub(crate) async fn over(self) {
        if let Some(over) = self.over
            && tokio::time::timeout(LAST_WORDS, over).await.is_err()
        {
            tracing::warn!(target: "onceward",
                "on_dead_letter did not hear of the last letters: it took too long. They are in the dead-letter topic all the same");
        }
    }
}

/// Hands a letter to the host. A rig's thread waits here, since nothing else may happen in it meanwhile.
fn tell(queue: &Queue, letter: DeadLetter, in_rig: bool) -> Option<oneshot::Receiver<()>> {
    if in_rig {
        let (sender, told) = mpsc::channel();
        queue.push_letter(HeldLetter { letter, _told: Told::Thread { _sender: sender } });
        // Nothing is ever sent: the end of the sender is the message.
        told.recv().unwrap_or_default();
        return None;
    }
    let (sender, told) = oneshot::channel();
    queue.push_letter(HeldLetter { letter, _told: Told::Task { _sender: sender } });
    Some(told)
}
