//! What variables of other programs ask for: no colour, proxies, and what a service manager wants
//! to hear. They keep their own names, since a machine sets them once for all its programs. Pure.

use crate::Environment;
use std::fmt;
use std::time::Duration;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outside {
    /// `NO_COLOR` is set and not empty.
    pub no_color: bool,
    pub proxies: Proxies,
    pub service: Option<ServiceWish>,
}

/// What the service manager that started the program wants to hear (`sd_notify(3)`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceWish {
    /// A socket's path, or a name that begins with `@`.
    pub socket: String,
    /// How long it waits for a sign of life before it starts the program anew.
    pub watchdog: Option<Duration>,
    /// The only process that the watchdog is about.
    pub watchdog_pid: Option<u32>,
}

/// Proxies by the scheme of the address that is asked for. Their addresses may hold a password, so
/// `Debug` does not show them.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Proxies {
    pub https: Option<String>,
    pub http: Option<String>,
    /// Hosts, domains and networks that are reached without one, as in `NO_PROXY`; those of this
    /// machine are among them as soon as there is a proxy.
    pub except: String,
}

impl Outside {
    pub fn of(environment: &Environment) -> Outside {
        Outside {
            no_color: environment.get("NO_COLOR").is_some(),
            proxies: Proxies::of(environment),
            service: ServiceWish::of(environment),
        }
    }
}

impl ServiceWish {
    fn of(environment: &Environment) -> Option<ServiceWish> {
        let number = |name: &str| environment.get(name)?.parse::<u64>().ok();
        let watchdog = number("WATCHDOG_USEC").filter(|micros| *micros > 0);
        Some(ServiceWish {
            socket: environment.get("NOTIFY_SOCKET")?.to_owned(),
            watchdog: watchdog.map(Duration::from_micros),
            watchdog_pid: number("WATCHDOG_PID").and_then(|pid| u32::try_from(pid).ok()),
        })
    }
}

impl Proxies {
    fn of(environment: &Environment) -> Proxies {
        let either = |small: &str, capital: &str| {
            let value = environment.get(small).or(environment.get(capital))?;
            Some(value.trim().to_owned()).filter(|value| !value.is_empty())
        };
        // In a CGI program `HTTP_PROXY` is what a client sent as its `Proxy:` header.
        let http_capital = match environment.get("REQUEST_METHOD") {
            Some(_) => "http_proxy",
            None => "HTTP_PROXY",
        };
        let all = either("all_proxy", "ALL_PROXY");
        let mut except = String::from(OWN_ADDRESSES);
        if let Some(more) = either("no_proxy", "NO_PROXY") {
            except.push(',');
            except.push_str(&more);
        }
        Proxies {
            https: either("https_proxy", "HTTPS_PROXY").or(all.clone()),
            http: either("http_proxy", http_capital).or(all),
            except,
        }
    }
}

impl fmt::Debug for Proxies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxies")
            .field("https", &self.https.is_some())
            .field("http", &self.http.is_some())
            .field("except", &self.except)
            .finish()
    }
}

/// A model server on this machine cannot be reached through somebody else's.
const OWN_ADDRESSES: &str = "localhost,127.0.0.0/8,::1";

#[cfg(test)]
mod tests {
    use super::*;

    fn outside(pairs: &[(&str, &str)]) -> Outside {
        let pairs = pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Outside::of(&Environment(pairs.collect()))
    }

    #[test]
    fn proxies_have_the_names_that_every_program_knows() {
        let none = outside(&[("HTTPS_PROXY", ""), ("PATH", "/bin")]);
        assert_eq!((none.proxies.https, none.proxies.http), (None, None));
        let both = outside(&[
            ("HTTPS_PROXY", "http://capital:1"),
            ("https_proxy", "http://small:1"),
            ("ALL_PROXY", "http://all:1"),
            ("NO_PROXY", "hub.example, 10.0.0.0/8"),
        ])
        .proxies;
        assert_eq!(both.https.as_deref(), Some("http://small:1"));
        assert_eq!(both.http.as_deref(), Some("http://all:1"));
        assert_eq!(
            both.except,
            "localhost,127.0.0.0/8,::1,hub.example, 10.0.0.0/8"
        );
        let cgi = outside(&[("HTTP_PROXY", "http://client:1"), ("REQUEST_METHOD", "GET")]);
        assert_eq!(cgi.proxies.http, None);
    }

    #[test]
    fn a_proxys_password_is_not_shown() {
        let outside = outside(&[("HTTPS_PROXY", "http://me:secret@proxy:1")]);
        assert!(outside.proxies.https.is_some());
        assert!(!format!("{outside:?}").contains("secret"));
    }

    #[test]
    fn a_service_manager_is_told_where_it_says() {
        assert_eq!(outside(&[("WATCHDOG_USEC", "30000000")]).service, None);
        let named = outside(&[
            ("NOTIFY_SOCKET", "@manager"),
            ("WATCHDOG_USEC", "30000000"),
            ("WATCHDOG_PID", "7"),
        ]);
        let wish = ServiceWish {
            socket: "@manager".to_owned(),
            watchdog: Some(Duration::from_secs(30)),
            watchdog_pid: Some(7),
        };
        assert_eq!(named.service, Some(wish));
        let without = outside(&[("NOTIFY_SOCKET", "/run/n"), ("WATCHDOG_USEC", "soon")]);
        assert_eq!(without.service.and_then(|wish| wish.watchdog), None);
    }

    #[test]
    fn no_color_counts_when_it_is_not_empty() {
        assert!(outside(&[("NO_COLOR", "1")]).no_color);
        assert!(!outside(&[("NO_COLOR", "")]).no_color);
    }
}
