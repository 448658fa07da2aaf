//! Calls that the world makes on nodes, as an administrator's program does.

use super::{Broken, World};
use cluster::Node;
use std::sync::Arc;
use std::time::Duration;

impl World {
    /// Runs one call on the founder's node to its end, while the world goes on.
    pub fn on_founder<T, F, Fut>(&mut self, call: F) -> Result<T, Broken>
    where
        T: Send + 'static,
        F: FnOnce(Arc<Node>) -> Fut + Send + 'static,
        Fut: Future<Output = Result<T, String>> + Send + 'static,
    {
        self.on_node(0, call)
    }

    /// Runs one call on a machine's node to its end, while the world goes on.
    pub fn on_node<T, F, Fut>(&mut self, i: usize, call: F) -> Result<T, Broken>
    where
        T: Send + 'static,
        F: FnOnce(Arc<Node>) -> Fut + Send + 'static,
        Fut: Future<Output = Result<T, String>> + Send + 'static,
    {
        let node = self.machines[i].node();
        let Some(node) = node else {
            return Err(self.broken("the call can be made", format!("n{} is down", i + 1)));
        };
        let (sender, mut answer) = tokio::sync::oneshot::channel();
        self.machines[i].run(Box::pin(async move {
            // The world waits for it.
            sender.send(call(node).await).ok();
        }));
        let end = self.now() + CALL;
        loop {
            match answer.try_recv() {
                Ok(Ok(value)) => return Ok(value),
                Ok(Err(why)) => return Err(self.broken("the call succeeds", why)),
                Err(_) if self.now() >= end => {
                    return Err(self.broken("the call ends", "no answer".to_owned()));
                }
                Err(_) => self.step()?,
            }
        }
    }

    /// Runs one call on the first member whose node is up.
    pub fn on_any_node<T, F, Fut>(&mut self, call: F) -> Result<T, Broken>
    where
        T: Send + 'static,
        F: FnOnce(Arc<Node>) -> Fut + Send + 'static,
        Fut: Future<Output = Result<T, String>> + Send + 'static,
    {
        let up = self
            .present()
            .find(|i| self.machines[*i].node().is_some() && !self.stands_still(*i));
        self.on_node(up.unwrap_or(0), call)
    }
}

const CALL: Duration = Duration::from_secs(60);
