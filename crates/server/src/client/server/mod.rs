//! Another camherd server as a source: a stream on it, as its viewers get it, becomes the stream of this process.

mod feed;
pub(crate) mod fmp4;
pub(crate) mod url;

pub(crate) use feed::{Wanted, run};
pub use url::{ServerUrl, ServerUrlError};
