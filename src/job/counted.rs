//! Tells whoever watches what a job's calls have cost, as they are answered. Asks nothing itself.

use super::event::{JobEvent, Observer};
use super::models::{Models, RootAnswer, SubAnswer, SubAsk};
use base::{CallPath, Usage};
use engine::{CancellationToken, TextSink};
use orchestrator::RootCall;
use std::sync::Arc;

/// The models of a job, counted.
pub(crate) struct Counted {
    pub(crate) models: Arc<dyn Models>,
    pub(crate) observer: Arc<dyn Observer>,
}

impl Counted {
    fn tell(&self, path: CallPath, by_root: bool, usage: Usage) {
        if usage != Usage::default() {
            self.observer.see(JobEvent::Spent {
                path,
                by_root,
                usage,
            });
        }
    }
}

#[async_trait::async_trait]
impl Models for Counted {
    async fn root(
        &self,
        path: &CallPath,
        request: &RootCall,
        sink: &mut dyn TextSink,
        cancel: &CancellationToken,
    ) -> RootAnswer {
        let answer = self.models.root(path, request, sink, cancel).await;
        if let Ok(reply) = &answer.0 {
            self.tell(path.clone(), true, reply.usage.sane());
        }
        answer
    }

    async fn ask(&self, ask: SubAsk<'_>) -> Vec<SubAnswer> {
        let path = ask.path.clone();
        let answers = self.models.ask(ask).await;
        let mut usage = Usage::default();
        for answer in &answers {
            usage += answer.usage.sane();
        }
        self.tell(path, false, usage);
        answers
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine::EngineError;
    use std::sync::mpsc;
    use std::time::Duration;

    /// Every sub-call costs seven tokens, and the root is not there.
    struct Sevens;

    #[async_trait::async_trait]
    impl Models for Sevens {
        async fn root(
            &self,
            _path: &CallPath,
            _request: &RootCall,
            _sink: &mut dyn TextSink,
            _cancel: &CancellationToken,
        ) -> RootAnswer {
            let reason = "no root".to_owned();
            RootAnswer(Err(EngineError::Refused { reason }))
        }

        async fn ask(&self, _ask: SubAsk<'_>) -> Vec<SubAnswer> {
            let mut answer = SubAnswer::failed("no".to_owned());
            answer.usage.prompt_tokens = 7;
            vec![answer; 3]
        }
    }

    struct Sent(mpsc::Sender<JobEvent>);

    impl Observer for Sent {
        fn see(&self, event: JobEvent) {
            self.0.send(event).unwrap();
        }
    }

    #[tokio::test]
    async fn a_batch_tells_what_all_of_its_calls_cost() {
        let (sender, told) = mpsc::channel();
        let counted = Counted {
            models: Arc::new(Sevens),
            observer: Arc::new(Sent(sender)),
        };
        let (path, cancel) = (CallPath::root().child(2), CancellationToken::new());
        let ask = SubAsk {
            path: &path,
            first: 0,
            patience: Duration::from_secs(1),
            calls: Vec::new(),
            cancel: &cancel,
            progress: &|_| {},
        };
        assert_eq!(counted.ask(ask).await.len(), 3);
        let told: Vec<JobEvent> = told.try_iter().collect();
        let usage = Usage {
            prompt_tokens: 21,
            ..Usage::default()
        };
        let spent = JobEvent::Spent {
            path,
            by_root: false,
            usage,
        };
        assert_eq!(told, [spent]);
    }
}
