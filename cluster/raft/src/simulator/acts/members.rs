//! Members: tokens that several joiners race for, removals, revocations, upgrades one by one.

use super::{Acts, Dice, hash_of, node_id, some_members};
use crate::ledger::{Command, NewMember, Revocation, State, TokenRef, TokenSpec};
use base::{NodeId, PeerRole, PeerRoles};
use std::time::Duration;

impl Acts {
    pub(super) fn membership(&mut self, view: &State, dice: &mut Dice) -> Vec<Command> {
        let command = match dice.below(14) {
            0..2 => None,
            2 => some_token(view, dice).map(|id| Command::RevokeToken { id }),
            3..8 if view.members.live.len() < CROWD => return self.joins(view, dice),
            3..10 => some_member(view, dice).map(|node| Command::RemoveMember {
                node,
                reason: "it was asked to go".to_owned(),
            }),
            10 => self.moves(view, dice),
            11 => some_member(view, dice).map(|node| Command::SetRoles {
                node,
                roles: PeerRoles::of(&[PeerRole::Worker, PeerRole::VoterCandidate]),
            }),
            _ => revoke(view, dice),
        };
        vec![command.unwrap_or_else(|| self.token(dice))]
    }

    fn token(&mut self, dice: &mut Dice) -> Command {
        let number = self.fresh();
        Command::CreateToken(TokenSpec {
            id: number.to_be_bytes(),
            public: [1; 32],
            says: hash_of(number),
            roles: PeerRoles::of(&[PeerRole::Worker]),
            name: None,
            pool: dice.chance(50).then(|| "gpu".to_owned()),
            uses: 1 + u32::try_from(dice.below(3)).unwrap_or(0),
            ttl: dice.span(SHORT_TTL, LONG_TTL),
        })
    }

    /// One, or two at once with the same token.
    fn joins(&mut self, view: &State, dice: &mut Dice) -> Vec<Command> {
        let Some(token) = some_token(view, dice) else {
            return vec![self.token(dice)];
        };
        let racing = if dice.chance(300) { 2 } else { 1 };
        (0..racing).map(|_| self.join(token, view, dice)).collect()
    }

    fn join(&mut self, mut token: TokenRef, view: &State, dice: &mut Dice) -> Command {
        let number = self.fresh();
        // One newer works, older than the cluster does not.
        let version = match dice.below(10) {
            0 => view.version.saturating_sub(1),
            1..3 => view.version,
            3..9 => view.version.saturating_add(1),
            _ => view.version.saturating_add(2),
        };
        let mut member = NewMember {
            node: node_id(number),
            name: format!("box{number}"),
            roles: PeerRoles::of(&[PeerRole::Voter]),
            pool: None,
            address: format!("box{number}:7000"),
            serial: u128::from(number).to_be_bytes(),
            version,
        };
        let live = &view.members.live;
        let known = some_member(view, dice).and_then(|node| Some((node, live.get(&node)?)));
        let gone = view.members.retired.keys().next_back();
        match (dice.below(100), known, gone) {
            // Who never heard that it got in asks again; its name may belong to another.
            (0..10, Some((node, record)), _) => {
                member.node = node;
                member.name.clone_from(&record.name);
                if dice.chance(500) {
                    token = record.token.unwrap_or(token);
                }
            }
            (10..14, Some((_, record)), _) => member.name.clone_from(&record.name),
            (14..24, _, Some(gone)) => member.node = *gone,
            _ => {}
        }
        Command::Join { token, member }
    }

    /// A new address, or a new certificate.
    fn moves(&mut self, view: &State, dice: &mut Dice) -> Option<Command> {
        let (node, number) = (some_member(view, dice)?, self.fresh());
        let moved = dice.chance(500);
        Some(Command::UpdateMember {
            node,
            address: moved.then(|| format!("box{number}:7000")),
            serial: (!moved).then(|| u128::from(number).to_be_bytes()),
            version: None,
        })
    }
}

/// The member that is furthest behind starts again with the next version; when none is behind any
/// more, or somebody thinks so, the cluster takes it.
pub(super) fn upgrade(view: &State, dice: &mut Dice) -> Command {
    let next = view.version.saturating_add(1);
    let last = view
        .members
        .live
        .iter()
        .min_by_key(|(_, member)| member.version);
    let behind = last.filter(|(_, member)| member.version < next);
    match behind {
        Some((node, _)) if !dice.chance(200) => Command::UpdateMember {
            node: *node,
            address: None,
            serial: None,
            version: Some(next),
        },
        Some(_) | None => Command::RaiseVersion { to: next },
    }
}

/// A member's certificate, or the member itself, which may be removed later.
fn revoke(view: &State, dice: &mut Dice) -> Option<Command> {
    let node = some_member(view, dice)?;
    let what = if dice.chance(300) {
        Revocation::Node(node)
    } else {
        Revocation::Serial(view.members.live.get(&node)?.serial)
    };
    Some(Command::Revoke {
        what,
        reason: "its key was stolen".to_owned(),
    })
}

fn some_member(view: &State, dice: &mut Dice) -> Option<NodeId> {
    some_members(view, dice, 1).first().copied()
}

/// As often the newest as any.
fn some_token(view: &State, dice: &mut Dice) -> Option<TokenRef> {
    let tokens = &view.tokens.0;
    if dice.chance(500) {
        return tokens.keys().next_back().copied();
    }
    tokens.keys().nth(dice.below(tokens.len())).copied()
}

/// Members of which there are so many that nobody is let in any more.
const CROWD: usize = 30;
const SHORT_TTL: Duration = Duration::from_secs(2);
const LONG_TTL: Duration = Duration::from_secs(30);
