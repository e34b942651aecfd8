//! What several targets share.

use std::future::Future;

use tokio::runtime::{Builder, Runtime};

/// The secret of a key, and a token, which goes to the cloud and is secret to all others. No text may show either. The
/// targets put them where such things are; an input that holds one already is no test.
pub const SECRETS: [&str; 2] = ["Zq8v0KXcR3mT5yWnB2dLh9JfPs6GxA", "CAISzQ7+hUnTeR2/0fAlLtHiNgS=="];

/// The most bytes of a text that is shown to somebody.
const LONGEST: usize = 8192;

/// Checks a text that goes to callers and logs: something, not endless, and one line.
pub fn check_text(text: &str) {
    assert!(!text.is_empty());
    assert!(text.len() <= LONGEST, "{} bytes: {text}", text.len());
    assert!(!text.chars().any(char::is_control), "{text:?}");
}

/// Whether one of the secrets is in there.
pub fn holds_secret(bytes: &[u8]) -> bool {
    SECRETS.iter().any(|secret| {
        bytes
            .windows(secret.len())
            .any(|window| window == secret.as_bytes())
    })
}

/// Runs a future to its end. Pauses take no time: the clock jumps over them.
pub fn block_on<F: Future>(future: F) -> F::Output {
    thread_local! {
        static RUNTIME: Runtime = Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
    }
    RUNTIME.with(|runtime| runtime.block_on(future))
}
