//! How a cluster comes together and changes: who is to be a member, and whether it is.

use super::{Broken, World};
use base::{NodeId, PeerRole, PeerRoles};
use cluster::{Node, TokenWish};
use std::sync::Arc;
use std::time::Duration;
use transport::Token;

impl World {
    /// Founds, joins and promotes, as an administrator does, and waits until all is as it should
    /// be.
    pub fn assemble(&mut self, voters: usize) -> Result<(), Broken> {
        let limit = ("the cluster assembles", ASSEMBLE);
        self.invite(u32::try_from(self.machines.len()).unwrap_or(u32::MAX))?;
        self.run_until(limit, |world| world.all_joined())?;
        for i in 1..voters {
            let node = self.machines[i].node().map(|node| node.id());
            let Some(node) = node else {
                return Err(self.broken("the cluster assembles", format!("n{} is down", i + 1)));
            };
            self.on_founder(move |founder| async move {
                let promoted = founder.promote("world", node, ASSEMBLE).await;
                promoted.map_err(|error| error.to_string())
            })?;
        }
        self.run_until(limit, |world| world.all_alive())
    }

    /// Founds, and gives all other machines that are to be members one token.
    pub fn invite(&mut self, uses: u32) -> Result<(), Broken> {
        let limit = ("the cluster assembles", ASSEMBLE);
        self.run_until(limit, |world| world.founder().map(drop))?;
        let token = self.token(uses)?;
        for i in self.present().skip(1) {
            self.machines[i].give_token(&token);
        }
        Ok(())
    }

    /// From now on a machine is to be a member, and has a token to become one.
    pub fn admit(&mut self, i: usize) -> Result<(), Broken> {
        let token = self.token(1)?;
        self.admit_with(i, &token);
        Ok(())
    }

    pub(crate) fn admit_with(&mut self, i: usize, token: &Token) {
        self.absent.remove(&i);
        self.machines[i].give_token(token);
    }

    /// From now on a machine is no member, and its process has ended.
    pub fn dismiss(&mut self, i: usize) {
        self.absent.insert(i);
        self.crash(i, false);
    }

    /// Machines that are to be members now.
    pub fn present(&self) -> impl Iterator<Item = usize> {
        (0..self.machines.len()).filter(|i| !self.absent.contains(i))
    }

    pub(crate) fn token(&mut self, uses: u32) -> Result<Token, Broken> {
        self.on_founder(move |node| async move {
            let mut last = String::new();
            for _ in 0..TOKEN_TRIES {
                let wish = TokenWish {
                    roles: PeerRoles::of(&[PeerRole::Worker, PeerRole::VoterCandidate]),
                    name: None,
                    pool: None,
                    uses,
                    ttl: Duration::from_secs(900),
                };
                match node.create_token("world", wish).await {
                    Ok(token) => return Ok(token),
                    Err(error) => last = error.to_string(),
                }
            }
            Err(last)
        })
    }

    /// Members as the founder's ledger has them.
    pub fn members(&self) -> usize {
        self.founder()
            .map_or(0, |founder| founder.state().members.live.len())
    }

    fn founder(&self) -> Result<Arc<Node>, String> {
        let node = self.machines[0].node().ok_or("n1 has not started")?;
        if node.state().cluster.is_none() {
            return Err("n1 has not founded the cluster".to_owned());
        }
        Ok(node)
    }

    fn all_joined(&self) -> Result<(), String> {
        let members = self.founder()?.state().members.live.len();
        let started = self.machines.iter().filter(|m| m.node().is_some()).count();
        let all = self.present().count();
        if members == all && started == all {
            return Ok(());
        }
        Err(format!(
            "{members} members, {started} nodes started, of {all}"
        ))
    }

    /// Every node sees every other one as alive, and one leader.
    pub fn all_alive(&self) -> Result<(), String> {
        let nodes = self.present_nodes()?;
        let ids: Vec<NodeId> = nodes.iter().map(|(_, node)| node.id()).collect();
        for (name, node) in nodes {
            let view = node.membership();
            let active = view.peers.iter().filter(|peer| peer.liveness.is_active());
            let alive = active
                .filter(|peer| ids.contains(&peer.member.node))
                .count();
            if alive + 1 != ids.len() {
                return Err(format!("{name} sees {alive} peers alive"));
            }
            if node.raft().leader.is_none() {
                return Err(format!("{name} knows no leader"));
            }
        }
        Ok(())
    }

    /// The nodes of all machines that are to be members; each must be up.
    pub fn present_nodes(&self) -> Result<Vec<(&str, Arc<Node>)>, String> {
        let machines = self.present().map(|i| &self.machines[i]);
        machines
            .map(|machine| match machine.node() {
                Some(node) => Ok((machine.name(), node)),
                None => Err(format!("{} is down", machine.name())),
            })
            .collect()
    }
}

/// The leader may be changing meanwhile.
const TOKEN_TRIES: u32 = 5;
const ASSEMBLE: Duration = Duration::from_secs(60);
