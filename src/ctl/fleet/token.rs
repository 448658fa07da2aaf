//! `rlm-ctl token` and `rlm-ctl key`: secrets are printed once, alone on standard output.

use super::super::args::Output;
use super::super::{Failure, complain, print};
use super::args::{KeyCommand, ListOutput, TokenCommand};
use super::{CHANGE, forms, show};
use crate::clock::unix_seconds;
use crate::exit::Exit;
use crate::fleet::api::{
    DoneReply, KeyLine, KeyList, KeyMade, KeyRequest, TokenLine, TokenList, TokenMade, TokenRequest,
};
use crate::fleet::wish::{Reach, ask, look};
use hyper::Method;

pub(super) async fn token(reach: &Reach, command: TokenCommand) -> Result<Exit, Failure> {
    match command {
        TokenCommand::Create {
            role,
            name,
            pool,
            uses,
            ttl,
            output,
        } => {
            let request = TokenRequest {
                roles: role,
                name,
                pool,
                uses,
                ttl_s: ttl.as_secs(),
            };
            let at = (Method::POST, "/v1/cluster/tokens");
            let made: TokenMade = ask(reach, at, Some(&request), CHANGE).await?;
            show_made(output, &made)?;
        }
        TokenCommand::List { output } => {
            let list: TokenList = look(reach, "/v1/cluster/tokens").await?;
            let id = |token: &TokenLine| token.id.clone();
            let text = || show::tokens(&list);
            forms::list(output, (&list, &list.tokens), id, text)?;
            forms::label(output, (list.term, list.applied));
        }
        TokenCommand::Revoke { id, output } => {
            let at = format!("/v1/cluster/tokens/{id}");
            let reply: DoneReply = ask::<(), _>(reach, (Method::DELETE, &at), None, CHANGE).await?;
            forms::done(output.is_json(), &reply)?;
        }
    }
    Ok(Exit::Done)
}

fn show_made(output: ListOutput, made: &TokenMade) -> Result<(), Failure> {
    match output {
        ListOutput::Json => forms::document(made)?,
        ListOutput::Ndjson => forms::line(made)?,
        ListOutput::Id => {
            print(&format!("{}\n", made.id));
            // Without it the id would be of a token that nobody has.
            complain(&made.token);
        }
        ListOutput::Text => {
            print(&format!("{}\n", made.token));
            complain(&show::token_hint(made));
        }
    }
    Ok(())
}

pub(super) async fn key(reach: &Reach, command: KeyCommand) -> Result<Exit, Failure> {
    match command {
        KeyCommand::Create { name, output } => {
            let at = (Method::POST, "/v1/keys");
            let request = KeyRequest { name };
            let made: KeyMade = ask(reach, at, Some(&request), CHANGE).await?;
            match output {
                Output::Json => forms::document(&made)?,
                Output::Text => {
                    print(&format!("{}\n", made.key));
                    complain(&show::key_hint(&made));
                }
            }
        }
        KeyCommand::List { output } => {
            let list: KeyList = look(reach, "/v1/keys").await?;
            let id = |key: &KeyLine| key.id.clone();
            let text = || show::keys(&list, unix_seconds());
            forms::list(output, (&list, &list.keys), id, text)?;
        }
        KeyCommand::Revoke { id, output } => {
            let at = format!("/v1/keys/{id}");
            let reply: DoneReply = ask::<(), _>(reach, (Method::DELETE, &at), None, CHANGE).await?;
            forms::done(output.is_json(), &reply)?;
        }
    }
    Ok(Exit::Done)
}
