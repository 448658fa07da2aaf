//! A router that remembers its paths, so that a test can hold the API's document against it. The
//! only place that adds a route.

use axum::Router;
use axum::routing::MethodRouter;

/// Routes that still want a state of type `S`.
pub struct Routes<S = ()> {
    router: Router<S>,
    paths: Vec<&'static str>,
}

impl<S: Clone + Send + Sync + 'static> Routes<S> {
    pub fn new() -> Routes<S> {
        Routes {
            router: Router::new(),
            paths: Vec::new(),
        }
    }

    #[must_use]
    pub fn at(mut self, path: &'static str, handler: MethodRouter<S>) -> Routes<S> {
        self.paths.push(path);
        Routes {
            router: self.router.route(path, handler),
            paths: self.paths,
        }
    }

    /// Changes what is around the routes, not which there are.
    #[must_use]
    pub fn around(self, wrap: impl FnOnce(Router<S>) -> Router<S>) -> Routes<S> {
        Routes {
            router: wrap(self.router),
            paths: self.paths,
        }
    }

    pub fn with_state(self, state: S) -> Routes {
        Routes {
            router: self.router.with_state(state),
            paths: self.paths,
        }
    }
}

impl Routes {
    #[must_use]
    pub fn merge(mut self, other: Routes) -> Routes {
        self.paths.extend(other.paths);
        Routes {
            router: self.router.merge(other.router),
            paths: self.paths,
        }
    }

    pub fn paths(&self) -> &[&'static str] {
        &self.paths
    }

    pub fn router(self) -> Router {
        self.router
    }
}

impl<S: Clone + Send + Sync + 'static> Default for Routes<S> {
    fn default() -> Routes<S> {
        Routes::new()
    }
}
