//! Members and tokens: a token lets in as many as it says and no longer than it says, who was
//! removed or revoked stays so, and the cluster's version is one that every member spoke when it
//! was raised.

use crate::ledger::{Command, Outcome, Rejection, Revocation, State, TokenRef, TokenSpec};
use crate::simulator::report::{Breach, hold};
use base::{Epoch, NodeId, Time};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

#[derive(Default)]
pub(super) struct MemberBooks {
    live: BTreeSet<NodeId>,
    gone: BTreeSet<NodeId>,
    tokens: BTreeMap<TokenRef, Pass>,
    revoked: BTreeMap<Revocation, Epoch>,
    newest: Epoch,
    version: u16,
}

/// A token, and whom it let in.
struct Pass {
    uses: u32,
    expires: Time,
    revoked: bool,
    used: BTreeSet<NodeId>,
}

impl MemberBooks {
    pub(super) fn follow(
        &mut self,
        command: &Command,
        result: &Result<Outcome, Rejection>,
        state: &State,
    ) -> Result<(), Breach> {
        let (rule, kept) = match (command, result) {
            (Command::Found { member, .. }, Ok(_)) => {
                self.version = member.version;
                ("an id is used once", self.admit(member.node))
            }
            (Command::CreateToken(spec), Ok(_)) => {
                ("a token is made once", self.create(spec, state.now))
            }
            (Command::RevokeToken { id }, Ok(_)) => {
                ("only what is there is revoked", self.void(*id))
            }
            (Command::Join { token, member }, Ok(outcome)) => {
                let let_in = self.join(*token, member.node, outcome, state.now);
                ("a token lets in as many as it says", let_in)
            }
            (Command::UpdateMember { node, .. } | Command::SetRoles { node, .. }, Ok(_)) => {
                ("only a member changes", self.live.contains(node))
            }
            (Command::RemoveMember { node, .. }, Ok(outcome)) => {
                ("a removed member is revoked", self.remove(*node, outcome))
            }
            (Command::Revoke { what, .. }, Ok(outcome)) => {
                ("revocations are numbered", self.revoke(what, outcome))
            }
            (Command::RaiseVersion { to }, Ok(_)) => {
                let all = state
                    .members
                    .live
                    .values()
                    .all(|member| member.version >= *to);
                let raised = all && *to >= self.version;
                self.version = *to;
                ("a version opens when everybody has it", raised)
            }
            _ => return self.unchanged(command, state),
        };
        hold(rule, kept, || format!("{command:?} gave {result:?}"))?;
        self.unchanged(command, state)
    }

    /// The ledger has whom and what the command names as it stands in the books.
    fn unchanged(&self, command: &Command, state: &State) -> Result<(), Breach> {
        if let Command::Join { member, .. } | Command::Found { member, .. } = command {
            self.agree(member.node, state)?;
        }
        if let Command::UpdateMember { node, .. }
        | Command::SetRoles { node, .. }
        | Command::RemoveMember { node, .. } = command
        {
            self.agree(*node, state)?;
        }
        if let Command::Join { token, .. } = command {
            let known = self.tokens.get(token).map(|pass| pass.used.len());
            let found = state.tokens.0.get(token).map(|token| token.uses.len());
            hold("every use of a token is counted", known == found, || {
                format!("{found:?} uses and not {known:?} after {command:?}")
            })?;
        }
        hold(
            "the version is what it was raised to",
            state.version == self.version,
            || {
                format!(
                    "{} and not {} after {command:?}",
                    state.version, self.version
                )
            },
        )
    }

    fn agree(&self, node: NodeId, state: &State) -> Result<(), Breach> {
        let members = &state.members;
        let live = members.live.contains_key(&node) == self.live.contains(&node);
        let gone = members.retired.contains_key(&node) == self.gone.contains(&node);
        hold(STAY, live && gone, || {
            let (live, gone) = (members.live.get(&node), members.retired.get(&node));
            format!("node {node} is {live:?}, {gone:?}")
        })
    }

    pub(super) fn check(&self, state: &State) -> Result<(), Breach> {
        let members = &state.members;
        let same = members.live.keys().eq(&self.live) && members.retired.keys().eq(&self.gone);
        hold(STAY, same, || format!("{members:?}"))?;
        let back = self.gone.intersection(&self.live).next();
        let let_go = self
            .gone
            .iter()
            .find(|node| !state.revoked.revoked_node(**node));
        hold(STAY, back.or(let_go).is_none(), || {
            format!("{back:?} is back, {let_go:?} is not revoked")
        })?;
        hold(
            "a revocation stays",
            state.revoked.all == self.revoked,
            || format!("{:?} and not {:?}", state.revoked, self.revoked),
        )?;
        let mut live = members.live.iter();
        let old = live.find(|(_, member)| member.version < state.version);
        hold(
            "every member speaks the cluster's version",
            old.is_none(),
            || format!("{old:?} at version {}", state.version),
        )?;
        let kept = state.tokens.0.keys().eq(self.tokens.keys());
        hold(
            "tokens are kept until seven days after their end",
            kept,
            || format!("{} and not {}", state.tokens.0.len(), self.tokens.len()),
        )
    }

    fn admit(&mut self, node: NodeId) -> bool {
        !self.gone.contains(&node) && self.live.insert(node)
    }

    fn create(&mut self, spec: &TokenSpec, now: Time) -> bool {
        self.tokens.retain(|_, pass| pass.expires + KEPT > now);
        let pass = Pass {
            uses: spec.uses,
            expires: now + spec.ttl,
            revoked: false,
            used: BTreeSet::new(),
        };
        self.tokens.insert(spec.id, pass).is_none()
    }

    fn void(&mut self, token: TokenRef) -> bool {
        let Some(pass) = self.tokens.get_mut(&token) else {
            return false;
        };
        pass.revoked = true;
        true
    }

    fn join(&mut self, token: TokenRef, node: NodeId, told: &Outcome, now: Time) -> bool {
        let (Some(pass), Outcome::Joined { already, .. }) = (self.tokens.get_mut(&token), told)
        else {
            return false;
        };
        if *already {
            return pass.used.contains(&node) && self.live.contains(&node);
        }
        let good = !pass.revoked && now < pass.expires;
        let fresh = pass.used.insert(node) && pass.used.len() <= pass.uses as usize;
        good && fresh && self.admit(node)
    }

    /// Who was revoked before keeps that number.
    fn remove(&mut self, node: NodeId, told: &Outcome) -> bool {
        let was_live = self.live.remove(&node);
        let new = self.gone.insert(node);
        let what = Revocation::Node(node);
        let numbered = match self.revoked.get(&what) {
            Some(known) => *told == Outcome::Revoked { epoch: *known },
            None => self.revoke(&what, told),
        };
        was_live && new && numbered
    }

    fn revoke(&mut self, what: &Revocation, told: &Outcome) -> bool {
        self.newest = self.newest.next();
        let epoch = self.newest;
        *told == Outcome::Revoked { epoch } && self.revoked.insert(what.clone(), epoch).is_none()
    }
}

const STAY: &str = "who is in stays in, who was removed stays out";
/// How long the use log of a dead token is kept.
const KEPT: Duration = Duration::from_secs(7 * 24 * 60 * 60);
