//! Which node is asked, and how it is reached: the flags of a command become a [`Reach`].

use super::super::Failure;
use super::SOCKET;
use super::args::Where;
use crate::exit::Exit;
use crate::fleet::wish::{HttpsReach, Reach};
use crate::settings::Settings;
use node_config::{API_KEY, Environment, KeySource, read_key};
use std::path::PathBuf;
use std::sync::Arc;
use transport::{Identity, SystemWallClock, https_client, root_hash_of};

impl Where {
    /// The node that is meant. Secrets are read here, from files and the environment.
    pub fn reach(&self, settings: &Settings) -> Result<Reach, Failure> {
        let socket = match (&self.connect, &self.data) {
            (Some(place), _) => return self.named(place),
            (None, Some(data)) => data.join(SOCKET),
            (None, None) => settings.socket(),
        };
        Ok(Reach::Socket(socket))
    }

    fn named(&self, place: &str) -> Result<Reach, Failure> {
        if let Some(host) = place.strip_prefix("https://") {
            return self.https(host.trim_end_matches('/'));
        }
        if let Some(rest) = place.strip_prefix("http://") {
            return Err(
                Failure::new(Exit::Usage, "a node is never asked without TLS")
                    .next(format!("write https://{rest}")),
            );
        }
        Ok(Reach::Socket(PathBuf::from(place)))
    }

    fn https(&self, host: &str) -> Result<Reach, Failure> {
        let wrong = |why: String| Failure::new(Exit::Usage, "the node cannot be asked").why(why);
        let port = host.rsplit_once(':').map(|(_, port)| port.parse::<u16>());
        if !matches!(port, Some(Ok(_))) {
            return Err(wrong(format!("`{host}` is not HOST:PORT")));
        }
        let identity = match &self.identity {
            Some(folder) => Some(Identity::load(folder).map_err(|e| wrong(e.to_string()))?),
            None => None,
        };
        let pin = match (&self.pin, &self.ca, &identity) {
            (Some(pin), _, _) => *pin,
            (None, Some(file), _) => root_hash_of(file).map_err(|e| wrong(e.to_string()))?,
            (None, None, Some(identity)) => identity.root_hash(),
            (None, None, None) => {
                return Err(wrong("nothing says which cluster it must be".to_owned())
                    .next("give --pin HASH, as `rlm-ctl key create` on the node prints it"));
            }
        };
        let source = KeySource {
            file: self.key_file.clone(),
            variable: Some(API_KEY.to_owned()),
        };
        let key = read_key(&source, &Environment::capture()).map_err(|e| wrong(e.to_string()))?;
        if key.is_none() && identity.is_none() {
            return Err(wrong("there is no key".to_owned()).next(format!(
                "put it into {API_KEY}, or into a file of yours and give --key-file FILE"
            )));
        }
        let tls = https_client(pin, identity.as_ref(), Arc::new(SystemWallClock))
            .map_err(|error| wrong(error.to_string()))?;
        Ok(Reach::Https(HttpsReach {
            host: host.to_owned(),
            tls,
            key,
        }))
    }
}
