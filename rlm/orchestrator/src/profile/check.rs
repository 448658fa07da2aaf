//! What a prompt file must keep beyond its types: placeholders that exist, numbers that make sense.

use super::{Profile, template};

/// The first key that is wrong, and why.
pub(super) fn first_fault(profile: &Profile) -> Option<(String, String)> {
    number_fault(profile).or_else(|| {
        templates(profile)
            .into_iter()
            .find_map(|(key, text, known)| {
                let name = template::names(text).find(|name| !known.contains(name))?;
                let known = if known.is_empty() {
                    "it can have none; write {{ for a brace".to_owned()
                } else {
                    format!("it can have {{{}}}", known.join("}, {"))
                };
                Some((
                    key.to_owned(),
                    format!("has the placeholder {{{name}}}; {known}"),
                ))
            })
    })
}

fn number_fault(profile: &Profile) -> Option<(String, String)> {
    let positive: [(&str, u64); 6] = [
        ("root.max_tokens", profile.root.max_tokens.into()),
        ("root.turns", profile.root.turns.into()),
        ("format.output_chars", profile.format.output_chars as u64),
        ("last.max_tokens", profile.last.max_tokens.into()),
        ("memory.keep_turns", profile.memory.keep_turns as u64),
        (
            "memory.summary_tokens",
            profile.memory.summary_tokens.into(),
        ),
    ];
    if let Some((key, _)) = positive.iter().find(|(_, value)| *value == 0) {
        return Some(((*key).to_owned(), "is 0; it must be at least 1".to_owned()));
    }
    let root = &profile.root;
    for (key, temperature) in [
        ("root.temperature", Some(root.temperature)),
        ("root.repeated_temperature", root.repeated_temperature),
    ] {
        if let Some(outside) = temperature.filter(|t| !(0.0..=2.0).contains(t)) {
            let why = format!("is {outside}; it must lie in 0..=2");
            return Some((key.to_owned(), why));
        }
    }
    if let Some(index) = profile
        .scripts
        .iter()
        .position(|script| script.code.trim().is_empty())
    {
        return Some((format!("script[{index}].code"), "is empty".to_owned()));
    }
    None
}

type Rule<'a> = (&'static str, &'a str, &'static [&'static str]);

fn templates(p: &Profile) -> Vec<Rule<'_>> {
    let (f, m) = (&p.format, &p.memory);
    vec![
        (
            "first.template",
            &p.first.template,
            &[
                "card",
                "hits",
                "script",
                "question",
                "names",
                "chars",
                "turns",
                "sub_calls",
                "depth",
            ],
        ),
        ("first.hits", &p.first.hits, &["hits"]),
        ("first.hit", &p.first.hit, &["n", "path", "text"]),
        ("first.script", &p.first.script, &["code", "output"]),
        (
            "format.output",
            &f.output,
            &["output", "variables", "turn", "turns", "sub_calls_left"],
        ),
        ("format.cut", &f.cut, &["chars"]),
        ("format.nothing", &f.nothing, &[]),
        ("format.value", &f.value, &["value"]),
        (
            "format.error",
            &f.error,
            &["type", "message", "source", "line", "traceback"],
        ),
        ("format.sample", &f.sample, &["sample"]),
        ("format.name_error", &f.name_error, &["names"]),
        ("format.rolled_back", &f.rolled_back, &[]),
        ("format.repeated", &f.repeated, &[]),
        ("format.no_code", &f.no_code, &["turn", "turns"]),
        ("format.code_cut", &f.code_cut, &["max_tokens"]),
        (
            "format.empty_answer",
            &f.empty_answer,
            &["answer", "columns"],
        ),
        ("format.named_values", &f.named_values, &["values"]),
        ("format.long_answer", &f.long_answer, &["chars", "start"]),
        ("format.no_number", &f.no_number, &["start"]),
        ("format.counted_column", &f.counted_column, &["column"]),
        ("format.no_average", &f.no_average, &["column", "by"]),
        ("format.unused_column", &f.unused_column, &["column", "by"]),
        ("format.unsupported", &f.unsupported, &["sentence", "names"]),
        ("format.refused", &f.refused, &["limit", "asked", "granted"]),
        ("last.ask", &p.last.ask, &["question", "limit"]),
        ("memory.dropped", &m.dropped, &["variables"]),
        ("memory.summarise", &m.summarise, &[]),
        ("memory.summary", &m.summary, &["summary", "variables"]),
    ]
}
