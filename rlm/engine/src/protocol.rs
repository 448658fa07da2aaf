//! What a call to a server has whatever its protocol: a deadline, cancellation, a reply that keeps
//! what was written, embeddings in batches. The protocols themselves are the HTTP engines.

use crate::api::{ChatRequest, EngineError, Reply, TextSink};
use crate::estimate::estimate_prompt;
use crate::stream::{Bounded, Decoder, End, Writing, bounded};
use base::Finish;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// One model at one server, as its protocol asks it.
#[async_trait::async_trait]
pub(crate) trait Protocol: Sync {
    /// Reads the lines of one reply.
    type Lines: Decoder;

    /// How errors name the engine.
    fn engine(&self) -> &str;

    fn lines(&self) -> Self::Lines;

    /// Sends the request and reads the reply to its end.
    async fn talk(
        &self,
        request: &ChatRequest,
        lines: &mut Self::Lines,
        writing: &mut Writing<'_>,
    ) -> Result<End, EngineError>;

    /// The vectors of at most `EMBED_BATCH` texts.
    async fn embed_batch(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, EngineError>;
}

/// Asks and streams until the reply is whole, a stop string or the sink ends it, the caller
/// cancels, or the deadline passes.
pub(crate) async fn chat(
    protocol: &impl Protocol,
    request: &ChatRequest,
    sink: &mut dyn TextSink,
    deadline: Duration,
    cancel: &CancellationToken,
) -> Result<Reply, EngineError> {
    let mut lines = protocol.lines();
    let mut writing = Writing::new(protocol.engine(), &request.sampling.stop, sink);
    let call = protocol.talk(request, &mut lines, &mut writing);
    let finish = match bounded(call, deadline, cancel).await {
        Bounded::Ended(Ok(End::Done)) => None,
        Bounded::Ended(Ok(End::StopString)) => Some(Finish::Stop),
        Bounded::Ended(Ok(End::SinkClosed)) | Bounded::Cancelled => Some(Finish::Cancelled),
        Bounded::Ended(Err(error)) => return Err(error),
        Bounded::Deadline => {
            return Err(EngineError::Deadline {
                partial: writing.text,
            });
        }
    };
    let account = lines.account();
    let finish = finish.or(account.finish).unwrap_or(Finish::End);
    Ok(writing.reply(finish, account, estimate_prompt(request)))
}

/// All vectors, batch after batch, each within `deadline`.
pub(crate) async fn embed(
    protocol: &impl Protocol,
    texts: &[String],
    deadline: Duration,
) -> Result<Vec<Vec<f32>>, EngineError> {
    let mut vectors = Vec::with_capacity(texts.len());
    for batch in texts.chunks(EMBED_BATCH) {
        let call = tokio::time::timeout(deadline, protocol.embed_batch(batch));
        let partial = String::new();
        vectors.extend(
            call.await
                .map_err(|_| EngineError::Deadline { partial })??,
        );
    }
    Ok(vectors)
}

/// Texts in one request for embeddings; servers' own limits begin at some hundreds.
const EMBED_BATCH: usize = 256;
