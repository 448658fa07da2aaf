//! HTTP clients: TLS by rustls with ring, roots from the system (`SSL_CERT_FILE` and
//! `SSL_CERT_DIR` are honoured by the loader), nothing installed process-wide. Also turns what a
//! connection can die of into words that name the next step.

use rustls::{ClientConfig, RootCertStore};
use std::error::Error;
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// How an HTTP client behaves before a request has a deadline of its own.
#[derive(Clone, Debug)]
pub struct WebOptions {
    /// How long a TCP and TLS connection may take to come up.
    pub connect_timeout: Duration,
    /// How many idle connections to one server are kept for the next call.
    pub idle_per_host: usize,
    /// Proxies for `https://` and for `http://` addresses; none: straight to the server.
    pub https_proxy: Option<String>,
    pub http_proxy: Option<String>,
    /// Hosts, domains and networks that are reached without one, separated by commas.
    pub no_proxy: String,
}

impl Default for WebOptions {
    fn default() -> WebOptions {
        WebOptions {
            connect_timeout: CONNECT_TIMEOUT,
            idle_per_host: IDLE_PER_HOST,
            https_proxy: None,
            http_proxy: None,
            no_proxy: String::new(),
        }
    }
}

/// The client could not be made; nothing was sent. The text never holds a proxy's password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no HTTP client can be made: {reason}")]
pub struct WebError {
    pub reason: String,
}

/// Makes an HTTP client. Loads the system's certificates once, so make one and clone it.
pub fn web_client(options: &WebOptions) -> Result<reqwest::Client, WebError> {
    let error = |reason: String| WebError { reason };
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    let (added, refused) = roots.add_parsable_certificates(found.certs);
    if added == 0 {
        // Plain http still works, so this is no error yet; https then fails with `tls_advice`.
        tracing::warn!(refused, errors = ?found.errors, "the system has no certificates");
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| error(e.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let builder = reqwest::Client::builder();
    proxied(builder, options)?
        .tls_backend_preconfigured(tls)
        .connect_timeout(options.connect_timeout)
        .pool_max_idle_per_host(options.idle_per_host)
        .user_agent(concat!("rlm-node/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|e| error(chain(&e)))
}

/// Without this the client would read the environment by itself.
fn proxied(
    builder: reqwest::ClientBuilder,
    options: &WebOptions,
) -> Result<reqwest::ClientBuilder, WebError> {
    let mut builder = builder.no_proxy();
    for (scheme, address) in [
        ("https", &options.https_proxy),
        ("http", &options.http_proxy),
    ] {
        let Some(address) = address else { continue };
        let proxy = match scheme {
            "https" => reqwest::Proxy::https(address),
            _ => reqwest::Proxy::http(address),
        };
        let proxy = proxy.map_err(|_| WebError {
            reason: format!(
                "the proxy for {scheme} is no address; write it as http://HOST:PORT, or unset it"
            ),
        })?;
        let except = reqwest::NoProxy::from_string(&options.no_proxy);
        builder = builder.proxy(proxy.no_proxy(except));
    }
    Ok(builder)
}

/// Why a request never got an answer, with what to do about it. `start` tells how this kind of
/// server is started.
pub fn why_unreachable(url: &str, error: &reqwest::Error, start: &str) -> String {
    let text = chain(error);
    if let Some(kind) = io_kind(error) {
        if kind == io::ErrorKind::ConnectionRefused {
            return format!("nothing listens at {url}; {start}, or correct the address");
        }
        if kind == io::ErrorKind::TimedOut {
            return format!("{url} does not answer; check the address and the firewall");
        }
    }
    if text.contains("dns error") {
        return format!("the host name of {url} cannot be resolved ({text}); check the spelling");
    }
    if text.contains("certificate") || text.contains("UnknownIssuer") {
        return format!("{url} has no certificate that is trusted here ({text}); {TLS_ADVICE}");
    }
    if ["InvalidContentType", "corrupt message", "handshake eof"]
        .iter()
        .any(|t| text.contains(t))
    {
        return format!("{url} does not speak TLS ({text}); is it `http://`?");
    }
    if error.is_timeout() {
        return format!("{url} does not answer; check the address and the firewall");
    }
    format!("{url}: {text}")
}

/// The whole chain of causes on one line; an address in it loses its query.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let next = cause.to_string();
        if !text.ends_with(&next) {
            text.push_str(": ");
            text.push_str(&next);
        }
        source = cause.source();
    }
    text
}

fn io_kind(error: &dyn Error) -> Option<io::ErrorKind> {
    let mut source = error.source();
    while let Some(cause) = source {
        if let Some(io) = cause.downcast_ref::<io::Error>() {
            return Some(io.kind());
        }
        source = cause.source();
    }
    None
}

const TLS_ADVICE: &str = "install the package ca-certificates, \
                          or name your authority's file in SSL_CERT_FILE";

/// Long enough for another continent, short enough that a dead address is noticed.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// As many as a batch of sub-calls has in flight at one server.
const IDLE_PER_HOST: usize = 64;

#[cfg(test)]
mod tests;
