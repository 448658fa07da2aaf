use super::*;

#[test]
fn what_was_synced_survives_a_power_cut_and_nothing_else_is_promised() {
    let mut torn = 0;
    for seed in 0..50 {
        let disk = SimDisk::new(seed, WorldTime::default());
        disk.append("log", b"acknowledged").unwrap();
        disk.sync("log").unwrap();
        disk.sync_dir().unwrap();
        disk.append("log", b" and not yet").unwrap();
        disk.power_cut();
        let kept = disk.read("log").unwrap();
        assert!(kept.starts_with(b"acknowledged"), "{kept:?}");
        torn += disk.counters().torn;
    }
    assert!(torn > 10, "writes are torn: {torn}");
}

#[test]
fn a_synced_file_whose_folder_was_not_synced_is_gone() {
    let disk = SimDisk::new(1, WorldTime::default());
    disk.append("log", b"x").unwrap();
    disk.sync("log").unwrap();
    disk.power_cut();
    assert_eq!(
        disk.read("log").unwrap_err().kind(),
        io::ErrorKind::NotFound
    );
}

#[test]
fn a_rename_counts_once_its_folder_is_synced() {
    let disk = SimDisk::new(1, WorldTime::default());
    for (name, bytes) in [("vote", b"old"), ("vote.new", b"new")] {
        disk.append(name, bytes).unwrap();
        disk.sync(name).unwrap();
    }
    disk.sync_dir().unwrap();
    disk.rename("vote.new", "vote").unwrap();
    assert_eq!(disk.read("vote").unwrap(), b"new");
    disk.power_cut();
    assert_eq!(disk.read("vote").unwrap(), b"old");
    disk.rename("vote.new", "vote").unwrap();
    disk.sync_dir().unwrap();
    disk.power_cut();
    assert_eq!(disk.read("vote").unwrap(), b"new");
}

#[test]
fn what_is_spared_keeps_its_bits() {
    let disk = SimDisk::new(3, WorldTime::default());
    for name in ["log.1", "log.2"] {
        disk.append(name, &[0; 10]).unwrap();
    }
    assert!(!disk.flip_bit_before("log.2", 10));
    for _ in 0..100 {
        assert!(disk.flip_bit_before("log.", 9));
    }
    assert_eq!(disk.read("log.2").unwrap()[1..], [0; 9]);
    assert_eq!(disk.counters().flips, 100);
}

#[test]
fn faults_come_as_drawn_and_are_counted() {
    let disk = SimDisk::new(3, WorldTime::default());
    disk.append("log", &[0; 100]).unwrap();
    assert!(disk.flip_bit("log"));
    assert_eq!(
        disk.read("log")
            .unwrap()
            .iter()
            .map(|b| b.count_ones())
            .sum::<u32>(),
        1
    );
    disk.set_rates(DiskRates {
        write_error: 1.0,
        ..DiskRates::default()
    });
    assert_eq!(
        disk.sync("log").unwrap_err().raw_os_error(),
        Some(libc::EIO)
    );
    disk.set_rates(DiskRates {
        capacity: Some(150),
        ..DiskRates::default()
    });
    assert!(disk.append("log", &[0; 50]).is_ok());
    let full = disk.append("log", &[0; 1]).unwrap_err();
    assert_eq!(full.raw_os_error(), Some(libc::ENOSPC));
    let counters = disk.counters();
    assert_eq!((counters.flips, counters.errors, counters.full), (1, 1, 1));
}

#[test]
fn an_old_image_can_be_put_back() {
    let disk = SimDisk::new(3, WorldTime::default());
    disk.append("log", b"one").unwrap();
    let image = disk.image();
    disk.append("log", b"two").unwrap();
    disk.restore(&image);
    assert_eq!(disk.read("log").unwrap(), b"one");
}

#[test]
fn a_sync_that_takes_time_may_be_cut_short_until_it_ends() {
    let mut torn = 0;
    for seed in 0..50 {
        let time = WorldTime::default();
        let disk = SimDisk::new(seed, time.clone());
        disk.append("log", b"acknowledged").unwrap();
        disk.sync("log").unwrap();
        disk.sync_dir().unwrap();
        disk.set_rates(DiskRates {
            sync_time: Duration::from_millis(20),
            ..DiskRates::default()
        });
        for (word, at) in [(&b" one"[..], 0), (&b" two"[..], 30)] {
            time.set(Duration::from_millis(at));
            disk.append("log", word).unwrap();
            disk.begin_sync("log").unwrap();
            assert_eq!(disk.lag(), Duration::from_millis(20));
        }
        time.set(Duration::from_millis(49));
        disk.power_cut();
        let kept = disk.read("log").unwrap();
        assert!(kept.starts_with(b"acknowledged one"), "{kept:?}");
        assert_eq!((disk.counters().slow, disk.counters().cut_short), (2, 1));
        assert_eq!(disk.lag(), Duration::ZERO);
        torn += u64::from(kept.len() < b"acknowledged one two".len());
    }
    assert!(torn > 10, "writes are torn: {torn}");
}

#[test]
fn a_folder_that_is_synced_ends_the_syncs_before() {
    let time = WorldTime::default();
    let disk = SimDisk::new(4, time.clone());
    disk.set_rates(DiskRates {
        sync_time: Duration::from_millis(20),
        ..DiskRates::default()
    });
    disk.append("log", b"whole").unwrap();
    disk.begin_sync("log").unwrap();
    disk.append("log", b" and more").unwrap();
    disk.begin_sync("log").unwrap();
    disk.begin_sync_dir().unwrap();
    assert_eq!(disk.lag(), Duration::from_millis(60));
    disk.power_cut();
    assert_eq!(disk.read("log").unwrap(), b"whole and more");
}
