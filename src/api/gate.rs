//! Who may ask over TCP. Nobody, but: a client whose certificate is of this cluster, in time, not
//! revoked and with an administrator's role; or whoever sends a key of this node. What a browser
//! was tricked into sending is refused first.

use super::door::Peer;
use super::{ApiKeys, ErrorBody};
use crate::codes::ErrorCode;
use crate::ctl::Failure;
use axum::Json;
use axum::extract::{ConnectInfo, FromRequestParts, Request, State};
use axum::http::header::{AUTHORIZATION, HOST, ORIGIN, WWW_AUTHENTICATE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base::{PeerRole, PeerRoles};
use std::convert::Infallible;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use transport::{CLOCK_LEEWAY, NodeCertificate, Revocations, WallClock};

/// What the gate of one node knows.
pub struct Gate {
    pub keys: Arc<ApiKeys>,
    pub revoked: watch::Receiver<Arc<Revocations>>,
    pub wall: Arc<dyn WallClock>,
    /// Names under which the node is called, besides addresses and `localhost`.
    pub names: Vec<String>,
}

/// On whose behalf a request is made, as the audit log names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asker(pub String);

/// Why a request goes no further. Nothing of it was looked at but its head.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Denied {
    #[error("it comes from a page in a browser (`Origin: {0}`)")]
    Browser(String),
    #[error("`{0}` is no name of this node")]
    Host(String),
    #[error("the certificate is revoked or over")]
    Over,
    #[error("the certificate's roles are {0}, and client-admin is needed")]
    Role(PeerRoles),
    #[error("the key is not one of this node's, or it was revoked")]
    Key,
    #[error("it has neither a key nor a certificate")]
    Nobody,
}

/// Lets a request through, or answers it.
pub async fn guard(
    State(gate): State<Arc<Gate>>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    mut request: Request,
    next: Next,
) -> Response {
    match gate.admit(peer.certificate.as_deref(), request.headers()) {
        Ok(asker) => {
            peer.now_known();
            request.extensions_mut().insert(asker);
            next.run(request).await
        }
        Err(denied) => {
            tracing::info!(%denied, from = %peer.from, "a request was refused");
            denied.into_response()
        }
    }
}

impl Gate {
    fn admit(
        &self,
        certificate: Option<&NodeCertificate>,
        headers: &HeaderMap,
    ) -> Result<Asker, Denied> {
        if let Some(origin) = headers.get(ORIGIN) {
            return Err(Denied::Browser(shown(origin)));
        }
        let host = headers.get(HOST).map(shown).unwrap_or_default();
        if !self.answers_to(&host) {
            return Err(Denied::Host(host));
        }
        if let Some(key) = headers.get(AUTHORIZATION) {
            return self.key(key);
        }
        match certificate {
            Some(certificate) => self.certificate(certificate),
            None => Err(Denied::Nobody),
        }
    }

    /// A name that somebody else's name server may point here is none of ours.
    fn answers_to(&self, host: &str) -> bool {
        let name = match host.strip_prefix('[') {
            Some(rest) => rest.split(']').next().unwrap_or_default(),
            None => host.rsplit_once(':').map_or(host, |(name, _)| name),
        };
        let ours = |known: &String| known.eq_ignore_ascii_case(name);
        name.parse::<IpAddr>().is_ok()
            || name.eq_ignore_ascii_case("localhost")
            || self.names.iter().any(ours)
    }

    fn key(&self, header: &HeaderValue) -> Result<Asker, Denied> {
        let text = header.to_str().ok();
        let key = text.and_then(|text| text.strip_prefix("Bearer "));
        let found = key.and_then(|key| self.keys.find(key.trim()));
        let found = found.ok_or(Denied::Key)?;
        Ok(Asker(format!("key {} ({})", found.id, found.name)))
    }

    fn certificate(&self, certificate: &NodeCertificate) -> Result<Asker, Denied> {
        let now = self.wall.unix();
        let over = now > certificate.not_after + CLOCK_LEEWAY;
        if over || self.revoked.borrow().covers(certificate) {
            return Err(Denied::Over);
        }
        if !certificate.roles.has(PeerRole::ClientAdmin) {
            return Err(Denied::Role(certificate.roles));
        }
        Ok(Asker(format!(
            "{} ({})",
            certificate.name, certificate.node
        )))
    }
}

fn shown(value: &HeaderValue) -> String {
    String::from_utf8_lossy(value.as_bytes()).into_owned()
}

impl IntoResponse for Denied {
    fn into_response(self) -> Response {
        let (status, code, next) = match &self {
            Denied::Browser(_) => (
                StatusCode::FORBIDDEN,
                ErrorCode::Refused,
                "ask with rlm-ctl or another program, not from a page",
            ),
            Denied::Host(_) => (
                StatusCode::MISDIRECTED_REQUEST,
                ErrorCode::Refused,
                "use the node's address, or add the name to `api.hosts`",
            ),
            Denied::Role(_) | Denied::Over => (
                StatusCode::FORBIDDEN,
                ErrorCode::Refused,
                "use a certificate with the role client-admin, or a key",
            ),
            Denied::Key | Denied::Nobody => (
                StatusCode::UNAUTHORIZED,
                ErrorCode::Key,
                "make a key on the node: `rlm-ctl key create NAME`",
            ),
        };
        let failure = Failure::new(code, "the node does not let this request in")
            .why(&self)
            .next(next);
        let mut response = (status, Json(ErrorBody::from(failure))).into_response();
        if status == StatusCode::UNAUTHORIZED {
            let bearer = HeaderValue::from_static("Bearer");
            response.headers_mut().insert(WWW_AUTHENTICATE, bearer);
        }
        response
    }
}

impl fmt::Display for Asker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What comes over the owner's socket passed no gate, and is the owner's.
impl<S: Send + Sync> FromRequestParts<S> for Asker {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Asker, Infallible> {
        let asker = parts.extensions.get::<Asker>().cloned();
        Ok(asker.unwrap_or_else(|| Asker("local administrator".to_owned())))
    }
}

/// How long a connection may stay before its first request was let through.
pub(super) const STRANGER_LIFE: Duration = Duration::from_secs(10);
