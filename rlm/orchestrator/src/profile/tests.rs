use super::*;
use crate::ContextKind;

#[test]
fn both_built_in_profiles_parse_and_serve_every_kind() {
    for which in [BuiltIn::Capable, BuiltIn::Small] {
        let profiles = Profiles::built_in(which).unwrap();
        for kind in ContextKind::ALL {
            let profile = profiles.for_kind(kind);
            assert!(profile.first.template.contains("{question}"), "{kind:?}");
            assert!(profile.first.template.contains("{card}"), "{kind:?}");
        }
    }
}

#[test]
fn the_small_profile_has_a_prompt_of_its_own_for_each_kind_that_was_measured() {
    let profiles = Profiles::built_in(BuiltIn::Small).unwrap();
    let system = |kind| &profiles.for_kind(kind).system;
    assert_ne!(system(ContextKind::Rows), system(ContextKind::Lines));
    assert_ne!(system(ContextKind::Rows), system(ContextKind::Prose));
}

/// The least that a prompt file must have.
const LEAST: &str = "system = 's'\n[first]\ntemplate = '{question}'\n";

fn error(file: &str, text: &str) -> String {
    Profiles::parse([(file, text)]).unwrap_err().to_string()
}

#[test]
fn a_wrong_prompt_file_is_refused_with_its_name_and_key() {
    let with = |more: &str| format!("{LEAST}{more}");
    for (text, words) in [
        ("system = 's'", "missing field `first`"),
        ("nonsense", "TOML parse error at line 1"),
        (&with("[root]\nprefil = 'x'"), "unknown field `prefil`"),
        (&with("[root]\nturns = 'x'"), "invalid type: string"),
        (
            &with("[root]\nturns = 0"),
            "`root.turns` is 0; it must be at least 1",
        ),
        (
            &with("[root]\ntemperature = 3.5"),
            "`root.temperature` is 3.5",
        ),
        (
            &with("[root]\nrepeated_temperature = -1.0"),
            "`root.repeated_temperature` is -1",
        ),
        (&with("[[script]]\ncode = ' '"), "`script[0].code` is empty"),
        (
            &with("[format]\noutput = '{stdout}'"),
            "`format.output` has the placeholder {stdout}; it can have {output}, {variables}",
        ),
        (&with("[format]\nnothing = '{x}'"), "write {{ for a brace"),
    ] {
        let message = error("my/rows.toml", text);
        assert!(
            message.starts_with("prompt file my/rows.toml: "),
            "{message}"
        );
        assert!(message.contains(words), "{message}");
    }
    assert!(error("poem.toml", LEAST).contains("no kind of context"));
    assert_eq!(Profiles::parse([]), Err(ProfileError::Empty));
}

#[test]
fn a_folder_may_have_one_file_for_all_kinds() {
    let profiles = Profiles::parse([("x/lines.toml", LEAST)]).unwrap();
    assert_eq!(profiles.for_kind(ContextKind::Rows).system, "s");
    let both = format!("{LEAST}[root]\nprefill = 'p'\nstop = ['q']\n");
    let profiles = Profiles::parse([("lines", LEAST), ("prose", &both)]).unwrap();
    let prose = profiles.for_kind(ContextKind::Code);
    assert_eq!(prose.root.prefill, "p");
    assert_eq!(prose.clone().without_prefill().root.stop, [""; 0]);
}

#[test]
fn templates_are_filled_once_and_from_left_to_right() {
    let values = [("question", "{card} {{x}}"), ("card", "C")];
    for (template, expected) in [
        ("{card}: {question}", "C: {card} {{x}}"),
        ("{{card}} {x} {", "{card} {x} {"),
        ("d = {'a': {card}}", "d = {'a': C}"),
        ("é{card}é}", "éCé}"),
        ("", ""),
    ] {
        assert_eq!(render(template, &values), expected, "{template}");
    }
}
