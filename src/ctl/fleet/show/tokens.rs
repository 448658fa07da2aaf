//! Join tokens, keys of the API and the cluster's root as text.

use super::super::table::{span, table};
use crate::fleet::api::{
    CaReply, KeyList, KeyMade, TokenLine, TokenList, TokenMade, TokenStanding,
};

pub(in crate::ctl::fleet) fn token_hint(made: &TokenMade) -> String {
    format!(
        "the token lets {} in as {}, within {}; on the other machine, paste or pipe it into:\n  \
         rlm-node join --token-file -",
        if made.uses == 1 {
            "one machine".to_owned()
        } else {
            format!("{} machines", made.uses)
        },
        made.roles,
        span(made.ttl_s)
    )
}

pub(in crate::ctl::fleet) fn tokens(list: &TokenList) -> String {
    if list.tokens.is_empty() {
        return "no tokens\n".to_owned();
    }
    let rows: Vec<Vec<String>> = list.tokens.iter().map(token_row).collect();
    table(
        &[
            "id", "state", "left", "expires", "roles", "bound to", "made by",
        ],
        &rows,
    )
}

fn token_row(token: &TokenLine) -> Vec<String> {
    let (state, expires) = match token.state {
        TokenStanding::Open => ("open", format!("in {}", span(token.expires_in_s))),
        TokenStanding::UsedUp => ("used up", "-".to_owned()),
        TokenStanding::Expired => ("expired", "-".to_owned()),
        TokenStanding::Revoked => ("revoked", "-".to_owned()),
    };
    let bound: Vec<&str> = [&token.name, &token.pool]
        .into_iter()
        .flatten()
        .map(|s| &**s)
        .collect();
    vec![
        token.id.clone(),
        state.to_owned(),
        format!("{}/{}", token.left, token.uses),
        expires,
        token.roles.clone(),
        if bound.is_empty() {
            "-".to_owned()
        } else {
            bound.join(", ")
        },
        token.creator.clone(),
    ]
}

pub(in crate::ctl::fleet) fn key_hint(made: &KeyMade) -> String {
    format!(
        "key {} ({}) opens this node's API over TCP, as an administrator, until it is revoked:\n  \
         RLM_API_KEY=KEY rlm-ctl --connect https://HOST:PORT --pin {} status",
        made.id, made.name, made.root
    )
}

pub(in crate::ctl::fleet) fn ca_hint(root: &CaReply) -> String {
    format!(
        "the root of cluster {} is no secret; its BLAKE3 hash, in every token and for --pin:  {}",
        root.cluster, root.root
    )
}

pub(in crate::ctl::fleet) fn keys(list: &KeyList, now: u64) -> String {
    if list.keys.is_empty() {
        return "no keys\n".to_owned();
    }
    let rows: Vec<Vec<String>> = list
        .keys
        .iter()
        .map(|key| {
            let age = span(now.saturating_sub(key.created_unix_s));
            vec![key.id.clone(), age, key.name.clone()]
        })
        .collect();
    table(&["id", "age", "name"], &rows)
}
