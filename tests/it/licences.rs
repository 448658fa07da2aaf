//! Every dependency's licence is one of those that `deny.toml` allows; what we bundle says so.

use crate::source::{expect_none, root};
use serde_json::Value;
use std::process::Command;

fn allowed() -> Vec<String> {
    let text = std::fs::read_to_string(root().join("deny.toml")).expect("deny.toml");
    let table: toml::Table = text.parse().expect("deny.toml is TOML");
    let list = table["licenses"]["allow"]
        .as_array()
        .expect("licenses.allow");
    list.iter()
        .map(|name| name.as_str().expect("a name").to_owned())
        .collect()
}

/// Whether an SPDX expression can be met with allowed licences: `OR` needs one side, `AND` both.
fn met(expression: &str, allowed: &[String]) -> bool {
    let clean = expression.replace('/', " OR ").replace(['(', ')'], " ");
    clean.split(" AND ").all(|part| {
        part.split(" OR ")
            .any(|name| allowed.iter().any(|allowed| allowed == name.trim()))
    })
}

#[test]
fn every_dependency_has_an_allowed_licence() {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked", "--offline"])
        .args(["--filter-platform", "x86_64-unknown-linux-gnu"])
        .current_dir(root())
        .output()
        .expect("cargo metadata runs");
    let data: Value = serde_json::from_slice(&output.stdout).expect("cargo writes JSON");
    let allowed = allowed();
    let packages = data["packages"].as_array().expect("packages");
    let findings: Vec<String> = packages
        .iter()
        .filter(|package| {
            !package["license"]
                .as_str()
                .is_some_and(|text| met(text, &allowed))
        })
        .map(|package| {
            format!(
                "{} {}: {}",
                package["name"], package["version"], package["license"]
            )
        })
        .collect();
    assert!(packages.len() > 50, "cargo named hardly any package");
    expect_none("a licence that deny.toml does not allow", &findings);
}

#[test]
fn licences_combine_as_spdx_says() {
    let allowed = vec!["MIT".to_owned(), "Apache-2.0".to_owned()];
    for (expression, expected) in [
        ("MIT OR GPL-3.0", true),
        ("MIT/Apache-2.0", true),
        ("MIT AND GPL-3.0", false),
        ("(MIT OR Apache-2.0) AND MIT", true),
        ("GPL-3.0", false),
    ] {
        assert_eq!(met(expression, &allowed), expected, "{expression}");
    }
}
