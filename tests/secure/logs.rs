//! Everything that is logged in this process, to be searched for secrets.

use std::io::Write;
use std::sync::{Arc, Mutex, Once, OnceLock};

static TEXT: OnceLock<Arc<Mutex<Vec<u8>>>> = OnceLock::new();

struct Sink(Arc<Mutex<Vec<u8>>>);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn text() -> &'static Arc<Mutex<Vec<u8>>> {
    TEXT.get_or_init(Arc::default)
}

/// From now on everything is kept, down to what librdkafka says when it debugs.
pub(crate) fn capture() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_ansi(false).with_writer(|| Sink(Arc::clone(text()))).init();
    });
}

/// Everything so far.
pub(crate) fn all() -> String {
    String::from_utf8_lossy(&text().lock().unwrap()).into_owned()
}
