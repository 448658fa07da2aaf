//! Scratch, not committed at all.
use membership::simulator::trial::*;
use membership::simulator::*;
use std::time::Duration;
fn main() {
    let n = 50;
    let loss = 100;
    let mut world = grown(n, Weather::lan(loss), 7).unwrap().unwrap();
    for kill in 0..120 {
        let victim = kill % n;
        let p = 1000 + world.draw(1000);
        world.run_for(Duration::from_millis(p as u64));
        let killed = world.now();
        world.kill(victim);
        world.run_until(Duration::from_secs(20), |w| {
            w.seen_by_all(victim, killed).is_some()
        });
        let seen = world.seen_by_all(victim, killed);
        if seen.is_none_or(|s| s.as_secs_f64() > 3.0) {
            println!("kill {kill} at {killed}: {seen:?}");
            let mut seen: Vec<_> = world
                .deaths()
                .iter()
                .filter(|d| d.victim == victim && d.at >= killed)
                .map(|d| (d.at.since(killed).as_secs_f64(), d.seen_by))
                .collect();
            seen.sort_by(|a, b| a.0.total_cmp(&b.0));
            println!(
                "   {:?} .. {:?}",
                &seen[..3.min(seen.len())],
                &seen[seen.len().saturating_sub(4)..]
            );
        }
        world.restart(victim).unwrap();
        let r = world.now();
        let back = world.run_until(Duration::from_secs(60), |w| w.agrees());
        for d in world.deaths() {
            if d.unjust {
                println!("kill {kill} victim {victim} restarted {r} unjust {d:?}");
            }
        }
        if back.is_none_or(|b| b.as_secs_f64() > 3.0) {
            println!("kill {kill} back after {back:?}");
        }
        for i in 0..n {
            let r = world.swim(i).unwrap().counts().renewals;
            if r > 0 {
                println!("kill {kill} victim {victim}: host {i} renewals {r}");
            }
        }
        world.forget_deaths();
    }
    let mut c = membership::SwimCounts::default();
    for i in 0..n {
        let x = world.swim(i).unwrap().counts();
        c.doubts += x.doubts;
        c.held += x.held;
        c.spared += x.spared;
        c.told += x.told;
        c.pauses += x.pauses;
        c.probes_failed += x.probes_failed;
        c.renewals += x.renewals;
        c.stumbles += x.stumbles;
        c.garbled += x.garbled;
        c.forged += x.forged;
        c.crowded += x.crowded;
    }
    println!("{c:?}");
}
