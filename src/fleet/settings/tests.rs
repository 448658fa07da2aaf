//! No key without an effect, no default in two places, nothing accepted that a node would refuse.

use super::settings;
use node_config::{
    Config, Dirs, Environment, FIELDS, Field, FieldKind, Layer, format_span, resolve,
};
use std::time::Duration;

fn dirs() -> Dirs {
    let home = [("HOME".to_owned(), "/home/u".to_owned())];
    Dirs::of(&Environment(home.into_iter().collect())).unwrap()
}

/// The configuration with these keys set, if it holds together.
fn configured(set: &[(&str, String)]) -> Option<Config> {
    let flags = set
        .iter()
        .map(|(key, text)| ((*key).to_owned(), text.clone(), "--flag".to_owned()));
    let loaded = resolve(&[Layer::Flags(flags.collect())], &dirs());
    loaded.ok().map(|loaded| loaded.config)
}

fn built(set: &[(&str, String)]) -> Option<cluster::Settings> {
    configured(set).map(|config| settings(&config.cluster))
}

/// Every number of the built settings on a line of its own.
fn lines(settings: &cluster::Settings) -> Vec<String> {
    let text = format!("{settings:#?}");
    text.lines().map(str::to_owned).collect()
}

/// Fields that become settings of the cluster's crates.
fn fields() -> Vec<&'static Field> {
    let ours = FIELDS
        .iter()
        .filter(|field| field.key.starts_with("cluster.") && field.key.matches('.').count() == 2);
    ours.collect()
}

/// The smallest steps from the default to both sides, as a flag would say them.
fn beside(field: &Field) -> [String; 2] {
    let default = field.default.trim_matches('"').replace('_', "");
    if let FieldKind::Count { .. } = field.kind {
        let number: i64 = default.parse().unwrap();
        [number + 1, number - 1].map(|number| number.to_string())
    } else if let FieldKind::Span { .. } = field.kind {
        let span = node_config::parse_span(&default).unwrap();
        let step = Duration::from_millis(1);
        [span + step, span - step].map(format_span)
    } else {
        let size: node_config::ByteSize = default.parse().unwrap();
        [size.0 + 1, size.0 - 1].map(|bytes| format!("{bytes}B"))
    }
}

/// The least and the most that a field takes.
fn ends(field: &Field) -> [String; 2] {
    if let FieldKind::Count { min, max } = field.kind {
        [min, max].map(|number| number.to_string())
    } else if let FieldKind::Span { min_ms, max_ms } = field.kind {
        [min_ms, max_ms].map(|millis| format_span(Duration::from_millis(millis)))
    } else if let FieldKind::Size { min, max } = field.kind {
        [min, max].map(|bytes| format!("{bytes}B"))
    } else {
        panic!("{} has no ends", field.key)
    }
}

#[test]
fn the_defaults_are_those_of_the_crates() {
    let built = built(&[]).unwrap();
    let crates = cluster::Settings::default();
    assert_eq!(lines(&built), lines(&crates));
}

#[test]
fn each_key_changes_its_own_setting_and_no_other() {
    let default = lines(&built(&[]).unwrap());
    let fields = fields();
    assert!(fields.len() > 40, "{} keys", fields.len());
    for field in fields {
        let changes = beside(field).into_iter().filter_map(|text| {
            let changed = lines(&built(&[(field.key, text)])?);
            let differ = default.iter().zip(&changed).filter(|(a, b)| a != b).count();
            Some((changed.len() == default.len(), differ))
        });
        let changes: Vec<(bool, usize)> = changes.collect();
        assert!(changes.contains(&(true, 1)), "{}: {changes:?}", field.key);
    }
}

#[test]
fn what_the_configuration_accepts_the_node_accepts() {
    let fields = fields();
    let mut accepted = 0;
    let mut state = 7_u64;
    for _ in 0..3000 {
        let mut set = Vec::new();
        for field in &fields {
            // A step of a linear congruential generator (Knuth's constants).
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let [least, most] = ends(field);
            match state >> 60 {
                0 => set.push((field.key, least)),
                1 => set.push((field.key, most)),
                _ => {}
            }
        }
        let Some(built) = built(&set) else { continue };
        accepted += 1;
        assert_eq!(built.transport.check(), Ok(()), "{set:?}");
        assert_eq!(built.swim.check(), Ok(()), "{set:?}");
        assert_eq!(built.raft.check(), Ok(()), "{set:?}");
    }
    assert!(accepted > 100, "only {accepted} were consistent");
}
