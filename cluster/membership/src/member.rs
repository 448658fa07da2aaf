//! A member's identity: which node, which life of it, and where it listens.

use base::NodeId;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;

/// One life of one node. A later life of the same node replaces an earlier one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    pub node: NodeId,
    /// Grows by one at each start of the process; the node keeps it on disk.
    pub boot: u64,
    /// Grows by one each time the cluster took this process for dead although it lives.
    pub renewals: u32,
    /// Set in a node's last life, so that the others can tell a goodbye from a death.
    pub leaving: bool,
    pub addr: SocketAddr,
}

impl Member {
    pub fn new(node: NodeId, boot: u64, addr: SocketAddr) -> Member {
        Member {
            node,
            boot,
            renewals: 0,
            leaving: false,
            addr,
        }
    }

    /// What is newer wins. The address only decides between two copies of one disk.
    fn age(&self) -> (u64, u32, SocketAddr) {
        (self.boot, self.renewals, self.addr)
    }
}

impl foca::Identity for Member {
    type Addr = NodeId;

    fn renew(&self) -> Option<Member> {
        if self.leaving {
            return None;
        }
        let renewals = self.renewals.checked_add(1)?;
        Some(Member {
            renewals,
            ..self.clone()
        })
    }

    fn addr(&self) -> NodeId {
        self.node
    }

    fn win_addr_conflict(&self, adversary: &Member) -> bool {
        self.age() > adversary.age()
    }
}
