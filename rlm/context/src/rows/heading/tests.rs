//! Which lines are headings, and what they call the fields.

use crate::{Context, Kind, RowsForm};
use serde_json::{Value, json};

/// As many words as the line before it here and there.
const MESSAGES: &str = "2035-01-12 04:31:59 INFO pump started\n\
                        2035-01-12 04:32:07 ERROR no pressure in line 4\n\
                        2035-01-12 04:33:41 INFO pump stopped\n";

const ROWS: &str = "2035-01-12 04:31:59 L9 2151 Lindenhof +130 4 -\n\
                    2035-01-12 04:32:07 L1 2104 Zeughaus +190 23 full\n\
                    2035-01-12 04:33:41 L14 2168 Neuer-Markt +345 4 late\n";

fn context(head: &str) -> Context {
    Context::from_text(format!("{head}{}", ROWS.repeat(40)))
}

fn first(context: &Context) -> Value {
    Value::Object(context.rows(0..1).expect("rows").remove(0))
}

#[test]
fn a_line_with_a_word_for_each_field_names_them() {
    let named = json!({
        "time": "2035-01-12 04:31:59", "line": "L9", "vehicle": 2151, "stop": "Lindenhof",
        "delay_seconds": 130, "passengers": 4, "note": "-",
    });
    for head in [
        "# date time line vehicle stop delay_seconds passengers note\n",
        "date time line vehicle stop delay_seconds passengers note\n",
        "#when line vehicle stop delay_seconds passengers note\n",
        "#Version: 1.0\n#Fields: date time line vehicle stop delay-seconds passengers note\n",
    ] {
        let context = context(head);
        assert_eq!(context.card().kind, Kind::Rows(RowsForm::Positional));
        assert_eq!(context.rows_len(), Some(120), "{head}");
        assert_eq!(first(&context), named, "{head}");
        assert!(
            context.card().text.contains("\nstop: 'Lindenhof'"),
            "{head}"
        );
    }
}

#[test]
fn other_first_lines_name_nothing() {
    for head in [
        "",
        "# made by hand\n",
        "service started\n",
        "2035-01-12 04:31:00 L9 2151 Lindenhof +130 4 -\n",
    ] {
        let context = context(head);
        let row = first(&context);
        assert_eq!(context.rows_len(), Some(120 + head.lines().count() as u64));
        assert!(
            row.get("f1").is_some() && row.get("line").is_some(),
            "{row}"
        );
    }
}

#[test]
fn a_line_that_is_as_wide_as_one_row_by_chance_names_nothing() {
    for head in [
        "# rotated by the nightly job\n",
        "Caused by a closed connection\n",
        "# date time level message text\n",
    ] {
        assert_eq!(head.trim_start_matches("# ").split(' ').count(), 5);
        let context = Context::from_text(format!("{head}{}", MESSAGES.repeat(40)));
        assert_eq!(context.card().kind, Kind::Rows(RowsForm::Positional));
        assert_eq!(context.rows_len(), Some(121), "{head}");
        let rows = context.rows(0..3).expect("rows");
        assert_eq!(rows[0]["line"], head.trim_end());
        // The whole message can be had.
        let line = "2035-01-12 04:32:07 ERROR no pressure in line 4";
        assert_eq!(rows[2]["line"], line, "{head}");
        assert_eq!(rows[2]["f1"], "ERROR", "{head}");
    }
}
