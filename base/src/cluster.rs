//! Names of the cluster's parts: clusters, nodes, epochs, and what a peer may do.

use crate::ids::{ParseIdError, parse_hex};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// One machine's membership in one cluster: 128 random bits, shown as 32 hexadecimal digits. A
/// node that lost its disk is a new node; an id is never used again.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub [u8; 16]);

/// One cluster: 64 random bits, shown as 16 hexadecimal digits.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClusterId(pub [u8; 8]);

impl NodeId {
    /// The first 8 digits, for people.
    pub fn short(&self) -> String {
        self.to_string()[..8].to_owned()
    }
}

macro_rules! hexadecimal {
    ($name:ident, $bytes:literal, $what:literal) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;

            fn from_str(text: &str) -> Result<$name, ParseIdError> {
                parse_hex::<$bytes>(text, $what).map($name)
            }
        }

        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                if serializer.is_human_readable() {
                    serializer.collect_str(self)
                } else {
                    self.0.serialize(serializer)
                }
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                if deserializer.is_human_readable() {
                    let text = String::deserialize(deserializer)?;
                    text.parse().map_err(serde::de::Error::custom)
                } else {
                    <[u8; $bytes]>::deserialize(deserializer).map($name)
                }
            }
        }
    };
}

hexadecimal!(NodeId, 16, "a node id of 32 hexadecimal digits");
hexadecimal!(ClusterId, 8, "a cluster id of 16 hexadecimal digits");

/// Fences effects: whoever acts under an older epoch than one already seen is refused.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Epoch(pub u64);

impl Epoch {
    pub fn next(self) -> Epoch {
        Epoch(self.0 + 1)
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a certificate lets its holder do. Checked for each message, default deny.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PeerRole {
    /// Votes in Raft and holds the issuing key.
    Voter,
    /// May be promoted to voter; until then it learns the log.
    VoterCandidate,
    /// Runs work; learns the log.
    Worker,
    /// A client that may change the cluster.
    ClientAdmin,
    /// A client that may submit jobs.
    ClientSubmit,
    /// A client that may look.
    ClientRead,
    /// May read metrics only.
    Metrics,
}

impl PeerRole {
    pub const ALL: [PeerRole; 7] = [
        PeerRole::Voter,
        PeerRole::VoterCandidate,
        PeerRole::Worker,
        PeerRole::ClientAdmin,
        PeerRole::ClientSubmit,
        PeerRole::ClientRead,
        PeerRole::Metrics,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            PeerRole::Voter => "voter",
            PeerRole::VoterCandidate => "voter-candidate",
            PeerRole::Worker => "worker",
            PeerRole::ClientAdmin => "client-admin",
            PeerRole::ClientSubmit => "client-submit",
            PeerRole::ClientRead => "client-read",
            PeerRole::Metrics => "metrics",
        }
    }
}

impl fmt::Display for PeerRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for PeerRole {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<PeerRole, ParseIdError> {
        let found = PeerRole::ALL.into_iter().find(|role| role.as_str() == text);
        found.ok_or_else(|| {
            ParseIdError::new(
                "a role (voter, voter-candidate, worker, client-admin, client-submit, \
                 client-read, metrics)",
                text,
            )
        })
    }
}

/// A set of roles, one bit each.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PeerRoles(u8);

impl PeerRoles {
    pub const NONE: PeerRoles = PeerRoles(0);

    pub const fn of(roles: &[PeerRole]) -> PeerRoles {
        let mut bits = 0;
        let mut i = 0;
        while i < roles.len() {
            bits |= 1 << roles[i] as u8;
            i += 1;
        }
        PeerRoles(bits)
    }

    pub const fn has(self, role: PeerRole) -> bool {
        self.0 & (1 << role as u8) != 0
    }

    pub const fn meets(self, other: PeerRoles) -> bool {
        self.0 & other.0 != 0
    }

    pub const fn with(self, role: PeerRole) -> PeerRoles {
        PeerRoles(self.0 | (1 << role as u8))
    }

    pub const fn without(self, role: PeerRole) -> PeerRoles {
        PeerRoles(self.0 & !(1 << role as u8))
    }

    pub fn iter(self) -> impl Iterator<Item = PeerRole> {
        PeerRole::ALL
            .into_iter()
            .filter(move |role| self.has(*role))
    }
}

impl fmt::Display for PeerRoles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == PeerRoles::NONE {
            return f.write_str("none");
        }
        for (i, role) in self.iter().enumerate() {
            if i > 0 {
                f.write_str("+")?;
            }
            f.write_str(role.as_str())?;
        }
        Ok(())
    }
}

impl fmt::Debug for PeerRoles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for PeerRoles {
    type Err = ParseIdError;

    /// Reads `voter+worker`.
    fn from_str(text: &str) -> Result<PeerRoles, ParseIdError> {
        if text == "none" {
            return Ok(PeerRoles::NONE);
        }
        let mut roles = PeerRoles::NONE;
        for part in text.split('+') {
            roles = roles.with(part.parse()?);
        }
        Ok(roles)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_survive_text() {
        let node = NodeId(std::array::from_fn(|i| u8::try_from(i * 9).unwrap()));
        assert_eq!(node.to_string().parse(), Ok(node));
        assert_eq!(node.short().len(), 8);
        assert!("0123".parse::<NodeId>().is_err());
        let cluster = ClusterId([1, 2, 3, 4, 5, 6, 7, 255]);
        assert_eq!(cluster.to_string(), "01020304050607ff");
        assert_eq!(cluster.to_string().parse(), Ok(cluster));
        let json = serde_json::to_string(&cluster).unwrap();
        assert_eq!(serde_json::from_str::<ClusterId>(&json).unwrap(), cluster);
    }

    #[test]
    fn a_set_of_roles_is_what_was_put_in() {
        let roles = PeerRoles::of(&[PeerRole::Voter, PeerRole::Metrics]);
        assert!(roles.has(PeerRole::Voter) && !roles.has(PeerRole::Worker));
        assert_eq!(roles.to_string(), "voter+metrics");
        assert_eq!("voter+metrics".parse(), Ok(roles));
        assert_eq!(roles.without(PeerRole::Voter).to_string(), "metrics");
        assert!(roles.meets(PeerRoles::of(&[PeerRole::Metrics])));
        assert!(!roles.meets(PeerRoles::of(&[PeerRole::Worker])));
        assert!("voter+king".parse::<PeerRoles>().is_err());
    }
}
