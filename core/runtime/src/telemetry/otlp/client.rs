//! HTTP for the exporters, over the libcurl that is in the program anyway.
//!
//! Blocking on purpose: the SDK's threads wait for it, and nobody else does.

use std::fmt::{self, Debug, Formatter};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use curl::easy::{Easy, List};
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};

use crate::http;

/// One connection, kept open between batches.
pub(super) struct Client {
    easy: Mutex<Easy>,
    patience: Duration,
    authorities: Option<String>,
}

impl Client {
    pub(super) fn new(patience: Duration, authorities: Option<String>) -> Self {
        Self { easy: Mutex::new(Easy::new()), patience, authorities }
    }

    fn send(&self, request: &Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let mut easy = self.easy.lock().unwrap_or_else(PoisonError::into_inner);
        // Options go, the connection stays.
        easy.reset();
        easy.url(&request.uri().to_string())?;
        easy.timeout(self.patience)?;
        easy.post(true)?;
        easy.post_fields_copy(request.body())?;
        let mut headers = List::new();
        for (name, value) in request.headers() {
            headers.append(&format!("{name}: {}", value.to_str()?))?;
        }
        // Waiting for a "100 Continue" would cost a second with servers that don't send one.
        headers.append("Expect:")?;
        easy.http_headers(headers)?;
        http::trust(&mut easy, self.authorities.as_deref())?;
        let answer = http::perform(&mut easy)?;
        let mut response = Response::builder().status(u16::try_from(answer.status).unwrap_or(0));
        if let Some(seconds) = answer.retry_after {
            response = response.header("retry-after", seconds);
        }
        Ok(response.body(Bytes::from(answer.body))?)
    }
}

/// The trait is written with a macro; this is what it makes.
impl HttpClient for Client {
    fn send_bytes<'life0, 'async_trait>(
        &'life0 self,
        request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'async_trait>>
    where
        'life0: 'async_trait,
        Self: 'async_trait,
    {
        Box::pin(async move { self.send(&request) })
    }
}

impl Debug for Client {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Client").field("patience", &self.patience).finish_non_exhaustive()
    }
}
