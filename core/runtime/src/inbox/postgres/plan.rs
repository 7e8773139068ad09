//! Many requests, one round trip.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;

/// A request under way.
pub(super) type Request<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Sends all requests, in their order, before the first is answered, and waits for all answers.
///
/// A request of the client's is sent when it is polled for the first time, so each is polled once in turn; the answers come in the same
/// order.
pub(super) async fn in_order<T: Send>(requests: Vec<Request<'_, T>>) -> Vec<T> {
    let mut requests = requests;
    let mut answers: Vec<Option<T>> = Vec::with_capacity(requests.len());
    poll_fn(|context| {
        for request in &mut requests {
            answers.push(match request.as_mut().poll(context) {
                Poll::Ready(answer) => Some(answer),
                Poll::Pending => None,
            });
        }
        Poll::Ready(())
    })
    .await;
    let mut all = Vec::with_capacity(requests.len());
    for (request, answer) in requests.into_iter().zip(answers) {
        all.push(match answer {
            Some(answer) => answer,
            None => request.await,
        });
    }
    all
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::{Request, in_order};

    #[tokio::test]
    async fn all_begin_before_one_ends_and_answers_keep_the_order() {
        let log = Mutex::new(Vec::new());
        let one = |number: u32| -> Request<'_, u32> {
            let log = &log;
            Box::pin(async move {
                log.lock().map(|mut log| log.push(number)).unwrap_or_default();
                if number != 2 {
                    tokio::task::yield_now().await;
                }
                log.lock().map(|mut log| log.push(number + 10)).unwrap_or_default();
                number
            })
        };
        assert_eq!(in_order(vec![one(1), one(2), one(3)]).await, [1, 2, 3]);
        assert_eq!(log.into_inner().unwrap_or_default(), [1, 2, 12, 3, 11, 13]);
    }
}
