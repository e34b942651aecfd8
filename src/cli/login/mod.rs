//! What `login` needs beside `sign`: the server's address and TLS settings, the request, and its answer.

pub(super) mod answer;
pub(super) mod server;
pub(super) mod settings;
mod tls;
