//! No faults: what does not work here works nowhere.

use super::{happened, plan, settle};
use crate::world::{Broken, Report, World};
use std::time::Duration;

pub(super) fn run(seed: u64, echo: bool) -> Result<Report, Broken> {
    let spec = plan::spec(seed, echo);
    let mut world = World::new(&spec);
    world.assemble(spec.voters)?;
    world.run_for(WORK)?;
    let terms = world.report().terms;
    if terms > 2 {
        return Err(world.broken("a calm cluster keeps its leader", format!("{terms} terms")));
    }
    settle(&mut world)?;
    let report = world.report();
    for (what, calls) in [
        ("an answered call on a shared job", report.job_calls),
        ("an answered call on a shared model", report.model_calls),
    ] {
        happened(&world, what, calls as u64)?;
    }
    Ok(report)
}

const WORK: Duration = Duration::from_secs(5);
