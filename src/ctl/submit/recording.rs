//! `--record` and `--replay`: flags that stand for settings of the process that does the work, and
//! how that came out. A node that runs has its models open for every job, so it is not asked to
//! record one of them.

use super::absolute;
use crate::codes::ErrorCode;
use crate::ctl::{Failure, SubmitArgs, complain};
use crate::engines::TapeFault;
use crate::next::AFTER_MISS;

/// The settings that flags stand for: field, text and flag each.
pub(in crate::ctl) fn settings_of(args: &SubmitArgs) -> Vec<(String, String, String)> {
    let folders = [
        ("models.record", &args.record, RECORD),
        ("models.replay", &args.replay, REPLAY),
    ];
    let given = folders.into_iter().filter_map(|(key, folder, flag)| {
        // A whole path: the word `none` alone would turn the setting off.
        let folder = absolute(folder.as_deref()?).display().to_string();
        Some((key.to_owned(), folder, flag.to_owned()))
    });
    given.collect()
}

/// Refuses what a node that runs does not do for one job.
pub(super) fn not_by_a_node(args: &SubmitArgs) -> Result<(), Failure> {
    let (flag, variable) = match (&args.record, &args.replay) {
        (Some(_), _) => (RECORD, "RLM_MODELS_RECORD"),
        (None, Some(_)) => (REPLAY, "RLM_MODELS_REPLAY"),
        (None, None) => return Ok(()),
    };
    let what = format!("a running node does not take {flag}");
    Err(Failure::new(ErrorCode::Usage, what)
        .why("it does the work, and has its models open for the jobs of everybody")
        .next(format!(
            "stop the node and ask again, or start it with {variable}=DIR, which holds for all of \
             its jobs"
        )))
}

/// A replay that asked for what is not there has failed, whatever its answer is. Of a recording
/// that is not whole the answer is right: that is told, and no more.
pub(super) fn failed(fault: TapeFault) -> Option<Failure> {
    match fault {
        TapeFault::NotWhole(_) => {
            complain(&format!("warning: {fault}"));
            None
        }
        TapeFault::Missed(call) => {
            let what = "the replay is not that of the recording";
            let failure = Failure::new(ErrorCode::Replay, what);
            Some(failure.why(call).next(AFTER_MISS))
        }
    }
}

const RECORD: &str = "--record";
const REPLAY: &str = "--replay";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ctl::{Cli, Command};
    use clap::Parser;

    fn args(flags: &[&str]) -> SubmitArgs {
        let words = ["rlm-ctl", "submit", "--context", "a.txt", "What?"];
        let cli = Cli::try_parse_from(words.iter().chain(flags)).unwrap();
        let Command::Submit(args) = cli.command else {
            panic!("another command");
        };
        *args
    }

    #[test]
    fn a_flag_is_the_setting_of_its_name_and_its_folder_a_whole_path() {
        let here = std::env::current_dir().unwrap();
        assert!(settings_of(&args(&[])).is_empty());
        for (flag, key) in [(RECORD, "models.record"), (REPLAY, "models.replay")] {
            let folder = here.join("none").display().to_string();
            let expected = (key.to_owned(), folder, flag.to_owned());
            assert_eq!(settings_of(&args(&[flag, "none"])), [expected]);
        }
    }

    #[test]
    fn a_replay_fails_by_a_call_that_it_lacks_and_a_recording_by_nothing() {
        assert!(failed(TapeFault::NotWhole("no room".to_owned())).is_none());
        let failure = failed(TapeFault::Missed("no call 7".to_owned())).unwrap();
        assert_eq!(failure.exit.code(), 1);
        let said = failure.to_string();
        assert!(said.contains("[RLM-E0108]\n  why:  no call 7\n"), "{said}");
    }

    #[test]
    fn a_node_is_not_asked_to_record_one_job() {
        assert!(not_by_a_node(&args(&[])).is_ok());
        for (flag, variable) in [(RECORD, "RLM_MODELS_RECORD"), (REPLAY, "RLM_MODELS_REPLAY")] {
            let refused = not_by_a_node(&args(&[flag, "r"])).unwrap_err();
            let said = refused.to_string();
            assert!(said.contains(flag) && said.contains(variable), "{said}");
        }
    }
}
