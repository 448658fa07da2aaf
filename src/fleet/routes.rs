//! The cluster's part of the API. Whoever can open the socket is the machine's owner, and so an
//! administrator of the cluster; over TCP the gate decides who is. The command line has no other
//! way in.

mod alone;
mod audit;
mod ca;
mod doctor;
mod keys;

pub use alone::no_cluster;

use super::api::{
    ActorLine, ChangeRequest, DoneReply, RegistryLine, RegistryList, RegistryVersion,
    RollbackRequest, SettingLine, SettingList, SettingRequest, StatusReply, TokenLine, TokenList,
    TokenMade, TokenRequest, TokenStanding, TreeReply, VERSION,
};
use crate::api::{ApiKeys, Asker, ErrorBody, Routes};
use crate::ctl::Failure;
use crate::exit::Exit;
use axum::extract::{Path, State};
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post, put};
use axum::{Extension, Json};
use base::{NodeId, PeerRoles};
use cluster::{Node, RoleFail, TokenFail, TokenWish};
use raft::ProposeError;
use raft::ledger::{self, Command, Model, TokenState, setting_names};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

type Shared = State<Arc<Node>>;

/// What only a member answers; `data` is the node's folder.
pub fn routes(node: Arc<Node>, data: PathBuf, keys: Arc<ApiKeys>) -> Routes {
    let registry_routes = super::registry::routes(node.clone());
    Routes::new()
        .at("/v1/cluster/status", get(status))
        .at("/v1/cluster/tokens", get(tokens).post(create_token))
        .at("/v1/cluster/tokens/{id}", delete(revoke_token))
        .at("/v1/cluster/nodes/{node}/promote", post(promote))
        .at("/v1/cluster/nodes/{node}/demote", post(demote))
        .at("/v1/cluster/nodes/{node}", delete(remove))
        .at("/v1/cluster/settings", get(settings))
        .at("/v1/cluster/settings/{name}", put(set))
        .at("/v1/cluster/registry", get(registry))
        .at("/v1/cluster/registry/{name}/rollback", post(rollback))
        .at("/v1/cluster/audit", get(audit::list))
        .at("/v1/cluster/ca", get(ca::export))
        .at("/v1/cluster/tree", get(tree))
        .at(
            "/v1/cluster/doctor",
            get(move |state| doctor::look(state, data)),
        )
        .at("/v1/cluster/leave", post(leave))
        .at("/v1/keys", get(keys::list).post(keys::create))
        .at("/v1/keys/{id}", delete(keys::revoke))
        .around(|router| router.layer(Extension(keys)))
        .with_state(node)
        .merge(registry_routes)
}

/// A failure as the API tells it.
pub(super) struct Failed(Failure);

impl From<Failure> for Failed {
    fn from(failure: Failure) -> Failed {
        Failed(failure)
    }
}

impl From<ProposeError> for Failed {
    fn from(error: ProposeError) -> Failed {
        Failed(error.into())
    }
}

impl From<TokenFail> for Failed {
    fn from(error: TokenFail) -> Failed {
        Failed(error.into())
    }
}

impl From<RoleFail> for Failed {
    fn from(error: RoleFail) -> Failed {
        Failed(error.into())
    }
}

impl IntoResponse for Failed {
    fn into_response(self) -> Response {
        let status = match self.0.exit {
            Exit::Usage => StatusCode::BAD_REQUEST,
            Exit::Refused => StatusCode::FORBIDDEN,
            Exit::NotFound => StatusCode::NOT_FOUND,
            Exit::Conflict => StatusCode::CONFLICT,
            Exit::NoQuorum | Exit::Unreachable => StatusCode::SERVICE_UNAVAILABLE,
            Exit::Deadline | Exit::Unknown => StatusCode::GATEWAY_TIMEOUT,
            Exit::Done | Exit::Failed | Exit::Cancelled | Exit::Partial | Exit::Version => {
                StatusCode::INTERNAL_SERVER_ERROR
            }
        };
        (status, Json(ErrorBody::from(self.0))).into_response()
    }
}

type Answer<T> = Result<Json<T>, Failed>;

/// `?confirm=true` asks the leader first.
async fn status(State(node): Shared, uri: Uri) -> Json<StatusReply> {
    let confirm = parameter(&uri, "confirm") == Some("true");
    let mut view = node.status(confirm).await;
    let state = node.state();
    if let Some(name) = state.settings.get(CLUSTER_NAME) {
        view.cluster_name.clone_from(name);
    }
    let age = |then| node.cluster_time().since(then).as_secs();
    let queue = state.jobs.queue();
    Json(StatusReply {
        view,
        newest_age_s: Some(age(state.now)),
        jobs_waiting: Some(queue.waiting),
        jobs_running: Some(queue.running),
        oldest_job_age_s: queue.oldest.map(age),
    })
}

/// A parameter of the query.
fn parameter<'a>(uri: &'a Uri, name: &str) -> Option<&'a str> {
    let mut pairs = uri.query()?.split('&').filter_map(|q| q.split_once('='));
    pairs.find_map(|(known, value)| (known == name).then_some(value))
}

/// Term and last entry of what this node shows, which may be behind the others'.
fn seen(node: &Node, state: &ledger::State) -> (u64, u64) {
    let applied = state.applied.map_or(0, |at| at.index);
    (node.raft().term, applied)
}

async fn tokens(State(node): Shared) -> Json<TokenList> {
    let state = node.state();
    let now = node.cluster_time();
    let tokens = state.tokens.0.values().map(|token| line(token, now));
    let (term, applied) = seen(&node, &state);
    Json(TokenList {
        v: VERSION,
        term,
        applied,
        tokens: tokens.collect(),
    })
}

fn line(token: &TokenState, now: base::Time) -> TokenLine {
    let state = if token.revoked {
        TokenStanding::Revoked
    } else if token.left() == 0 {
        TokenStanding::UsedUp
    } else if now >= token.expires {
        TokenStanding::Expired
    } else {
        TokenStanding::Open
    };
    TokenLine {
        id: hex(&token.spec.id),
        roles: token.spec.roles.to_string(),
        name: token.spec.name.clone(),
        pool: token.spec.pool.clone(),
        left: token.left(),
        uses: token.spec.uses,
        state,
        expires_in_s: token.expires.since(now).as_secs(),
        creator: token.creator.clone(),
        used_by: token.uses.iter().map(|used| used.node).collect(),
    }
}

async fn create_token(
    State(node): Shared,
    by: Asker,
    Json(request): Json<TokenRequest>,
) -> Answer<TokenMade> {
    let roles: PeerRoles = request.roles.parse().map_err(usage)?;
    let wish = TokenWish {
        roles,
        name: request.name,
        pool: request.pool,
        uses: request.uses,
        ttl: Duration::from_secs(request.ttl_s),
    };
    let token = node.create_token(&by.0, wish).await?;
    Ok(Json(TokenMade {
        v: VERSION,
        id: token.id.to_string(),
        token: token.to_string(),
        roles: roles.to_string(),
        uses: request.uses,
        ttl_s: request.ttl_s,
    }))
}

async fn revoke_token(State(node): Shared, by: Asker, Path(id): Path<String>) -> Answer<DoneReply> {
    let bytes = unhex(&id).ok_or_else(|| usage(format!("`{id}` is no token id")))?;
    node.revoke_token(&by.0, bytes).await?;
    Ok(done(format!("token {id} is revoked")))
}

async fn promote(
    State(node): Shared,
    by: Asker,
    Path(target): Path<String>,
    Json(request): Json<ChangeRequest>,
) -> Answer<DoneReply> {
    let (id, name) = find(&node, &target)?;
    node.promote(&by.0, id, Duration::from_secs(request.wait_s))
        .await?;
    Ok(done(format!("{name} votes")))
}

async fn demote(
    State(node): Shared,
    by: Asker,
    Path(target): Path<String>,
    Json(request): Json<ChangeRequest>,
) -> Answer<DoneReply> {
    let (id, name) = find(&node, &target)?;
    node.demote(&by.0, id, Duration::from_secs(request.wait_s))
        .await?;
    Ok(done(format!("{name} votes no more")))
}

async fn remove(
    State(node): Shared,
    by: Asker,
    Path(target): Path<String>,
    Json(request): Json<ChangeRequest>,
) -> Answer<DoneReply> {
    let (id, name) = find(&node, &target)?;
    let wait = Duration::from_secs(request.wait_s);
    node.remove(&by.0, id, (&request.reason, wait)).await?;
    Ok(done(format!("{name} is removed; its certificate is void")))
}

async fn settings(State(node): Shared) -> Json<SettingList> {
    let state = node.state();
    let settings = setting_names().iter().map(|known| SettingLine {
        name: known.name.to_owned(),
        value: state.settings.get(known.name).cloned(),
        help: known.help.to_owned(),
    });
    let (term, applied) = seen(&node, &state);
    Json(SettingList {
        v: VERSION,
        term,
        applied,
        settings: settings.collect(),
    })
}

async fn set(
    State(node): Shared,
    by: Asker,
    Path(name): Path<String>,
    Json(request): Json<SettingRequest>,
) -> Answer<DoneReply> {
    let said = match &request.value {
        Some(value) => format!("{name} = {value}"),
        None => format!("{name} is back at its default"),
    };
    let value = request.value;
    node.submit(&by.0, Command::Set { name, value }).await?;
    Ok(done(said))
}

async fn registry(State(node): Shared) -> Json<RegistryList> {
    let state = node.state();
    let models = state
        .models
        .0
        .iter()
        .map(|(name, model)| registry_line(name, model));
    let (term, applied) = seen(&node, &state);
    Json(RegistryList {
        v: VERSION,
        term,
        applied,
        models: models.collect(),
    })
}

fn registry_line(name: &str, model: &Model) -> RegistryLine {
    let versions = model
        .versions
        .iter()
        .map(|(version, record)| RegistryVersion {
            version: *version,
            parent: record.parent,
            hash: record.hash.to_string(),
            bytes: record.size,
            stage: format!("{:?}", record.stage).to_lowercase(),
            metrics: record
                .metrics
                .iter()
                .map(|(name, millionths)| (name.clone(), decimal(*millionths)))
                .collect(),
        });
    RegistryLine {
        name: name.to_owned(),
        promoted: model.current().map(|(version, _)| version),
        versions: versions.collect(),
    }
}

async fn rollback(
    State(node): Shared,
    by: Asker,
    Path(name): Path<String>,
    Json(request): Json<RollbackRequest>,
) -> Answer<DoneReply> {
    let command = Command::Rollback {
        name: name.clone(),
        to: request.to,
    };
    node.submit(&by.0, command).await?;
    let state = node.state();
    let now = state.models.0.get(&name).and_then(Model::current);
    Ok(done(match now {
        Some((version, _)) => format!("{name} serves version {version}"),
        None => format!("{name} serves no version"),
    }))
}

async fn tree(State(node): Shared) -> Json<TreeReply> {
    let actors = node.tree().into_iter().map(|actor| ActorLine {
        path: actor.path,
        state: format!("{:?}", actor.state).to_lowercase(),
        restarts: actor.restarts,
        waiting: actor.mailbox.map_or(0, |mailbox| mailbox.depth as u64),
        bound: actor.mailbox.map_or(0, |mailbox| mailbox.bound as u64),
        last_failure: actor.last_cause.map(|cause| cause.to_string()),
        says: actor.says,
    });
    Json(TreeReply {
        v: VERSION,
        actors: actors.collect(),
    })
}

/// Gives up the voter's seat, then the membership. The process ends by its owner's signal.
async fn leave(State(node): Shared, by: Asker) -> Answer<DoneReply> {
    if node.raft().voters.len() == 1 && node.raft().voters.contains(&node.id()) {
        return Err(Failed(
            Failure::new(Exit::Conflict, "this node is the last voter")
                .why("the cluster would end with it")
                .next("promote another node first, or stop this one and delete its folder"),
        ));
    }
    node.hand_over().await.map_err(|error| {
        Failure::new(Exit::NoQuorum, "the leadership cannot be handed over").why(error)
    })?;
    let reason = ("it left", LEAVE);
    node.leave(&by.0, reason).await?;
    Ok(done(
        "this node has left; stop it, and delete its folder when you like".to_owned(),
    ))
}

/// By name, or by an id or its beginning.
fn find(node: &Node, target: &str) -> Result<(NodeId, String), Failed> {
    let state = node.state();
    let live = &state.members.live;
    let by_name = live.iter().find(|(_, member)| member.name == target);
    let mut by_id = live
        .iter()
        .filter(|(id, _)| id.to_string().starts_with(target));
    let found = by_name.or_else(|| by_id.next().filter(|_| target.len() >= SHORT_ID));
    match found {
        Some((id, member)) => Ok((*id, member.name.clone())),
        None => Err(Failed(
            Failure::new(Exit::NotFound, format!("there is no node `{target}`"))
                .next("`rlm-ctl nodes` lists them"),
        )),
    }
}

fn done(what: String) -> Json<DoneReply> {
    Json(DoneReply {
        v: VERSION,
        done: what,
    })
}

fn usage(why: impl std::fmt::Display) -> Failure {
    Failure::new(Exit::Usage, "the request is wrong").why(why)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<[u8; 8]> {
    let bytes: Option<Vec<u8>> = (0..text.len() / 2)
        .map(|i| u8::from_str_radix(text.get(2 * i..2 * i + 2)?, 16).ok())
        .collect();
    bytes.filter(|_| text.len() == 16)?.try_into().ok()
}

fn decimal(millionths: i64) -> String {
    let sign = if millionths < 0 { "-" } else { "" };
    let whole = millionths.unsigned_abs();
    format!("{sign}{}.{:06}", whole / 1_000_000, whole % 1_000_000)
}

/// The setting that gives the cluster another name than its founder did.
const CLUSTER_NAME: &str = "cluster.name";
/// Longest wait for the group to let a voter go.
const LEAVE: Duration = Duration::from_secs(20);
/// Shortest beginning of an id that names a node.
const SHORT_ID: usize = 4;
