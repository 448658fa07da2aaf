use super::*;
use crate::Hit;

fn brief() -> ContextBrief {
    ContextBrief {
        names: vec!["context".into(), "rows".into()],
        sample: "rows[0] = {'a': 1}".into(),
        ..ContextBrief::default()
    }
}

fn output(format: &Format, report: &BlockReport) -> String {
    block_output(format, &brief(), report, format.output_chars)
}

fn small_rows() -> Format {
    crate::tests::harness::small(crate::ContextKind::Rows).format
}

#[test]
fn output_is_cut_at_its_end_and_says_how_long_it_was() {
    let format = Format {
        output_chars: 5,
        ..small_rows()
    };
    let report = |stdout: &str, cut_bytes| BlockReport {
        stdout: stdout.into(),
        cut_bytes,
        ..BlockReport::default()
    };
    assert_eq!(output(&format, &report("ééééé", 0)), "ééééé");
    assert_eq!(
        output(&format, &report("éééééé", 0)),
        "ééééé... [6 characters printed, cut]"
    );
    assert_eq!(
        output(&format, &report("abc", 1 << 30)),
        "abc... [1073741827 characters printed, cut]"
    );
}

#[test]
fn an_error_names_its_line_and_what_would_have_helped() {
    let fault = BlockFault {
        kind: "NameError".into(),
        message: "name 'row' is not defined".into(),
        line: Some(2),
        source_line: Some("    x = row['a']".into()),
        ..BlockFault::default()
    };
    let report = BlockReport {
        stdout: "so far\n".into(),
        error: Some(fault.clone()),
        ..BlockReport::default()
    };
    assert_eq!(
        output(&small_rows(), &report),
        "so far\nNameError: name 'row' is not defined\nin the line: x = row['a']\n\
         rows[0] = {'a': 1}\nNames: context, rows"
    );
    let undone = BlockReport {
        error: Some(BlockFault {
            kind: "TimeoutError".into(),
            message: "m".repeat(5_000),
            rolled_back: true,
            ..fault
        }),
        ..BlockReport::default()
    };
    let text = output(&small_rows(), &undone);
    assert!(text.contains("The block was undone") && !text.contains("Names:"));
    assert!(text.len() < FAULT_CHARS + 500);
}

#[test]
fn the_value_of_the_last_expression_is_echoed_once() {
    let format = Format {
        value: "{value}".into(),
        ..Format::default()
    };
    let report = |stdout: &str| BlockReport {
        stdout: stdout.into(),
        value: Some("42".into()),
        ..BlockReport::default()
    };
    assert_eq!(output(&format, &report("")), "42");
    assert_eq!(output(&format, &report("x\n")), "x\n42");
    assert_eq!(output(&format, &report("42\n")), "42");
}

#[test]
fn hits_show_their_headings_where_the_profile_asks_for_them() {
    let first = First {
        template: "{hits}".into(),
        hits: "{hits}".into(),
        hit: "[{n}] {path}\n{text}".into(),
        script: String::new(),
        search: None,
    };
    let mut brief = brief();
    brief.hits = vec![Hit {
        path: "A > B".into(),
        text: "Text with {n} braces.".into(),
    }];
    assert_eq!(
        hit_lines(&first, &brief, "Q?"),
        "[1] A > B\nText with {n} braces."
    );
}

#[test]
fn a_long_list_of_variables_is_cut() {
    let variable = |i: usize| VariableBrief {
        name: format!("v{i}"),
        kind: "list".into(),
        size: (i == 0).then_some(12),
    };
    let many: Vec<VariableBrief> = (0..40).map(variable).collect();
    let text = variable_list(&many);
    assert!(text.starts_with("v0 (list of 12), v1 (list), "));
    assert!(text.ends_with(", and 10 more"));
    assert_eq!(variable_list(&[]), "");
}
