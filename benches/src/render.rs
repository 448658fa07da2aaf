//! A table's bytes: CSV, TSV, JSON lines, or a log by its line template.

use crate::spec::{TableForm, TableSpec};
use crate::table::{Cell, Record};

/// Deepest nesting of `{column}` inside a column's own text.
const TEMPLATE_DEPTH: usize = 3;

pub(crate) fn render(spec: &TableSpec, records: &[Record]) -> String {
    let mut out = String::new();
    let columns: Vec<&str> = spec
        .column
        .iter()
        .filter(|column| !column.hidden)
        .map(|c| c.name.as_str())
        .collect();
    match spec.form {
        TableForm::Csv | TableForm::Tsv => {
            let separator = if spec.form == TableForm::Csv {
                ","
            } else {
                "\t"
            };
            push_line(&mut out, &columns.join(separator));
            for record in records {
                let fields: Vec<String> = columns
                    .iter()
                    .map(|name| quoted(&expand(&format!("{{{name}}}"), record), separator))
                    .collect();
                push_line(&mut out, &fields.join(separator));
            }
        }
        TableForm::JsonLines => {
            for record in records {
                push_line(&mut out, &json(&columns, record));
            }
        }
        TableForm::Lines => {
            for record in records {
                push_line(&mut out, &expand(&spec.line, record));
            }
        }
    }
    out
}

fn push_line(out: &mut String, line: &str) {
    out.push_str(line);
    out.push('\n');
}

fn quoted(field: &str, separator: &str) -> String {
    if field.contains(separator) || field.contains('"') {
        format!("\"{}\"", field.replace('"', "\"\""))
    } else {
        field.to_owned()
    }
}

fn json(columns: &[&str], record: &Record) -> String {
    let mut object = serde_json::Map::new();
    for name in columns {
        let Some(cell) = record.get(*name) else {
            continue;
        };
        let value = match cell {
            Cell::Int(number) => serde_json::Value::from(*number),
            Cell::Money(hundredths) => serde_json::Value::from(*hundredths as f64 / 100.0),
            Cell::Text(text) => serde_json::Value::from(expand(text, record)),
            Cell::Moment { written, .. } => serde_json::Value::from(written.as_str()),
        };
        object.insert((*name).to_owned(), value);
    }
    serde_json::Value::Object(object).to_string()
}

/// The template with each `{column}` replaced. A brace that names no column stays as it is.
pub(crate) fn expand(template: &str, record: &Record) -> String {
    let mut text = template.to_owned();
    for _ in 0..TEMPLATE_DEPTH {
        if !text.contains('{') {
            break;
        }
        for (name, cell) in record {
            let slot = format!("{{{name}}}");
            if text.contains(&slot) {
                text = text.replace(&slot, &cell.text());
            }
        }
    }
    text
}
