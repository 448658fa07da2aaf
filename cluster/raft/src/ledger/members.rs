//! The cluster's nodes. An id is used once: who was removed is remembered for ever.

use super::{Outcome, Rejection, Serial, TokenRef, rejection};
use base::{NodeId, PeerRoles};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a joiner says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewMember {
    pub node: NodeId,
    pub name: String,
    /// Only the founder's own are taken; a joiner gets its token's.
    pub roles: PeerRoles,
    pub pool: Option<String>,
    /// Where it listens, as others can dial it.
    pub address: String,
    /// Of its certificate.
    pub serial: Serial,
    /// The newest wire version that it speaks.
    pub version: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberRecord {
    pub name: String,
    pub roles: PeerRoles,
    pub pool: Option<String>,
    pub address: String,
    pub serial: Serial,
    pub version: u16,
    /// The entry that admitted it.
    pub joined: u64,
    pub token: Option<TokenRef>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Members {
    pub live: BTreeMap<NodeId, MemberRecord>,
    pub retired: BTreeMap<NodeId, Retired>,
}

/// What is left of a removed member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retired {
    pub name: String,
    /// The entry that removed it.
    pub at: u64,
}

impl Members {
    pub(super) fn admit(
        &mut self,
        at: u64,
        member: &NewMember,
        roles: PeerRoles,
        token: Option<TokenRef>,
    ) -> Result<(), Rejection> {
        let node = member.node;
        rejection::text("the name", &member.name, NAME_CHARS)?;
        rejection::text("the address", &member.address, ADDRESS_CHARS)?;
        if let Some(pool) = &member.pool {
            rejection::text("the pool", pool, NAME_CHARS)?;
        }
        if self.retired.contains_key(&node) {
            return Err(Rejection::Retired { node });
        }
        if self.live.contains_key(&node) {
            return Err(Rejection::KnownMember { node });
        }
        if let Some((owner, _)) = self.live.iter().find(|(_, live)| live.name == member.name) {
            let name = member.name.clone();
            return Err(Rejection::NameTaken { name, node: *owner });
        }
        rejection::room("members", self.live.len(), MAX_MEMBERS)?;
        let record = MemberRecord {
            name: member.name.clone(),
            roles,
            pool: member.pool.clone(),
            address: member.address.clone(),
            serial: member.serial,
            version: member.version,
            joined: at,
            token,
        };
        self.live.insert(node, record);
        Ok(())
    }

    pub(super) fn update(
        &mut self,
        node: NodeId,
        address: Option<&str>,
        serial: Option<Serial>,
        version: Option<u16>,
    ) -> Result<Outcome, Rejection> {
        if let Some(address) = address {
            rejection::text("the address", address, ADDRESS_CHARS)?;
        }
        let member = self.member(node)?;
        if let Some(address) = address {
            address.clone_into(&mut member.address);
        }
        if let Some(serial) = serial {
            member.serial = serial;
        }
        if let Some(version) = version {
            member.version = version;
        }
        Ok(Outcome::Done)
    }

    pub(super) fn set_roles(
        &mut self,
        node: NodeId,
        roles: PeerRoles,
    ) -> Result<Outcome, Rejection> {
        self.member(node)?.roles = roles;
        Ok(Outcome::Done)
    }

    pub(super) fn retire(&mut self, node: NodeId, at: u64) -> Result<(), Rejection> {
        self.member(node)?;
        if let Some(MemberRecord { name, .. }) = self.live.remove(&node) {
            self.retired.insert(node, Retired { name, at });
        }
        Ok(())
    }

    fn member(&mut self, node: NodeId) -> Result<&mut MemberRecord, Rejection> {
        if self.retired.contains_key(&node) {
            return Err(Rejection::Retired { node });
        }
        self.live
            .get_mut(&node)
            .ok_or(Rejection::UnknownMember { node })
    }
}

pub(super) const NAME_CHARS: usize = 64;
const ADDRESS_CHARS: usize = 256;
/// Gossip and the voters' fan-out are made for some hundreds.
const MAX_MEMBERS: usize = 1024;
