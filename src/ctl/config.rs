//! `rlm-ctl config`: what is wrong with the configuration, and where each value comes from.

use super::args::ConfigCommand;
use super::{Failure, complain, print};
use crate::codes::ErrorCode;
use crate::exit::Exit;
use node_config::LoadRequest;
use std::path::Path;

pub(super) fn run(command: &ConfigCommand, file: Option<&Path>) -> Result<Exit, Failure> {
    match command {
        ConfigCommand::Check { file: profile } => check(file, profile.as_deref()),
        ConfigCommand::Show { origin } => {
            print(&crate::settings::load(file)?.show(*origin));
            Ok(Exit::Done)
        }
    }
}

fn check(file: Option<&Path>, profile: Option<&Path>) -> Result<Exit, Failure> {
    let request = LoadRequest {
        file: file.map(Path::to_owned),
        profile: profile.map(|path| path.display().to_string()),
        client: true,
        ..LoadRequest::default()
    };
    let loaded = node_config::load(&request).map_err(|error| {
        Failure::new(ErrorCode::Config, "the configuration is wrong").why(error)
    })?;
    for warning in &loaded.warnings {
        complain(&format!("warning: {warning}"));
    }
    let warnings = loaded.warnings.len();
    print(&match warnings {
        0 => "the configuration is right\n".to_owned(),
        1 => "the configuration is right, with one warning\n".to_owned(),
        n => format!("the configuration is right, with {n} warnings\n"),
    });
    Ok(Exit::Done)
}
