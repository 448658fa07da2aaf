//! Join tokens: public halves only, so that a leaked snapshot lets nobody in.

use super::{NewMember, Outcome, Rejection, rejection};
use base::{ContentHash, NodeId, PeerRoles, Time};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// A token's public name.
pub type TokenRef = [u8; 8];

/// What an administrator asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenSpec {
    pub id: TokenRef,
    /// Ed25519: the joiner signs with the other half.
    pub public: [u8; 32],
    /// Hash of all that the token says besides its secret: it is signed along, so that a token with
    /// a changed field is no token.
    pub says: ContentHash,
    pub roles: PeerRoles,
    /// The only name that may join with it.
    pub name: Option<String>,
    pub pool: Option<String>,
    pub uses: u32,
    /// Counted from the command's stamp, on the cluster's time.
    pub ttl: Duration,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenState {
    pub spec: TokenSpec,
    pub creator: String,
    pub created: Time,
    pub expires: Time,
    pub revoked: bool,
    pub uses: Vec<TokenUse>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenUse {
    pub node: NodeId,
    pub at: Time,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Tokens(pub BTreeMap<TokenRef, TokenState>);

impl TokenState {
    pub fn left(&self) -> u32 {
        let used = u32::try_from(self.uses.len()).unwrap_or(u32::MAX);
        self.spec.uses.saturating_sub(used)
    }

    pub fn used_by(&self, node: NodeId) -> bool {
        self.uses.iter().any(|used| used.node == node)
    }
}

impl Tokens {
    pub(super) fn create(
        &mut self,
        spec: &TokenSpec,
        creator: &str,
        now: Time,
    ) -> Result<Outcome, Rejection> {
        for bound in [&spec.name, &spec.pool].into_iter().flatten() {
            rejection::text(
                "the token's name or pool",
                bound,
                super::members::NAME_CHARS,
            )?;
        }
        if spec.uses == 0 {
            return Err(Rejection::Empty {
                what: "the number of uses".into(),
            });
        }
        if spec.ttl > MAX_TTL {
            return Err(Rejection::TokenTooLong {
                days: MAX_TTL.as_secs() / DAY_S,
            });
        }
        if spec.uses > MAX_USES {
            return Err(Rejection::TooMany {
                what: "uses".into(),
                max: u64::from(MAX_USES),
            });
        }
        if self.0.contains_key(&spec.id) {
            return Err(Rejection::TokenExists { id: spec.id });
        }
        // The use log of a dead token is kept for as long as the longest token lives.
        let kept = |token: &TokenState| token.expires + MAX_TTL > now;
        rejection::room(
            "tokens",
            self.0.values().filter(|token| kept(token)).count(),
            MAX_TOKENS,
        )?;
        self.0.retain(|_, token| kept(token));
        let record = TokenState {
            spec: spec.clone(),
            creator: creator.to_owned(),
            created: now,
            expires: now + spec.ttl,
            revoked: false,
            uses: Vec::new(),
        };
        self.0.insert(spec.id, record);
        Ok(Outcome::Done)
    }

    pub(super) fn revoke(&mut self, id: TokenRef) -> Result<Outcome, Rejection> {
        let token = self.0.get_mut(&id).ok_or(Rejection::UnknownToken { id })?;
        token.revoked = true;
        Ok(Outcome::Done)
    }

    /// Whether this member may use it now; one that used it before may ask again.
    pub(super) fn usable(
        &self,
        id: TokenRef,
        member: &NewMember,
        now: Time,
    ) -> Result<&TokenState, Rejection> {
        let token = self.0.get(&id).ok_or(Rejection::UnknownToken { id })?;
        if token.used_by(member.node) {
            return Ok(token);
        }
        if token.revoked {
            return Err(Rejection::TokenRevoked);
        }
        if now >= token.expires {
            return Err(Rejection::TokenExpired);
        }
        if token.left() == 0 {
            return Err(Rejection::TokenUsedUp);
        }
        bound(token.spec.name.as_deref(), &member.name)?;
        bound(
            token.spec.pool.as_deref(),
            member.pool.as_deref().unwrap_or_default(),
        )?;
        Ok(token)
    }

    pub(super) fn burn(&mut self, id: TokenRef, node: NodeId, at: Time) {
        if let Some(token) = self.0.get_mut(&id) {
            token.uses.push(TokenUse { node, at });
        }
    }
}

fn bound(expected: Option<&str>, found: &str) -> Result<(), Rejection> {
    match expected {
        Some(expected) if expected != found => Err(Rejection::TokenBound {
            expected: expected.to_owned(),
            found: found.to_owned(),
        }),
        Some(_) | None => Ok(()),
    }
}

const DAY_S: u64 = 24 * 60 * 60;
const MAX_TTL: Duration = Duration::from_secs(7 * DAY_S);
const MAX_USES: u32 = 1000;
/// Living and recently dead tokens together.
const MAX_TOKENS: usize = 1024;
