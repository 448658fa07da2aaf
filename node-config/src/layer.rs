//! One layer's text turned into settings: each with its field, its value in the written form and
//! the place it came from. Finds unknown keys, wrong values and secrets by value. Pure.

use crate::kind::FieldKind;
use crate::legacy::{self, Carried};
use crate::problem::nearest;
use crate::table::{self, Field, OLLAMA_SERVER, OPENAI_SERVER};
use crate::{FIELDS, LEGACY, Origin, Problem, Warning};
use std::collections::BTreeMap;
use toml::de::{DeTable, DeValue};
use toml::{Spanned, Table, Value};

/// What a layer says, and what is wrong with it.
#[derive(Debug, Default)]
pub(crate) struct Reading {
    pub(crate) settings: BTreeMap<&'static str, (Value, Origin)>,
    /// From keys of the first design: weaker than `settings` of the same layer.
    pub(crate) carried: BTreeMap<&'static str, (Value, Origin)>,
    pub(crate) problems: Vec<Problem>,
    pub(crate) warnings: Vec<Warning>,
}

/// Reads TOML; `place` makes the origin of a line.
pub(crate) fn read_toml(text: &str, place: &dyn Fn(usize) -> Origin) -> Reading {
    let mut reading = Reading::default();
    let parsed = DeTable::parse(text).and_then(|spans| Ok((spans, toml::from_str::<Table>(text)?)));
    match parsed {
        Ok((spans, values)) => {
            let mut walk = Walk {
                text,
                place,
                reading: &mut reading,
            };
            walk.table("", &values, spans.get_ref());
        }
        Err(error) => reading.problems.push(Problem::Syntax {
            at: place(error.span().map_or(1, |span| line_of(text, span.start))),
            reason: error.message().to_owned(),
        }),
    }
    reading
}

struct Walk<'a> {
    text: &'a str,
    place: &'a dyn Fn(usize) -> Origin,
    reading: &'a mut Reading,
}

impl Walk<'_> {
    fn table(&mut self, prefix: &str, values: &Table, spans: &DeTable<'_>) {
        for (name, span) in spans {
            let at = (self.place)(line_of(self.text, name.span().start));
            let name = name.get_ref().as_ref();
            let key = if prefix.is_empty() {
                name.to_owned()
            } else {
                format!("{prefix}.{name}")
            };
            if let Some(value) = values.get(name) {
                self.entry(&key, value, span, at);
            }
        }
    }

    fn entry(&mut self, key: &str, value: &Value, span: &Spanned<DeValue<'_>>, at: Origin) {
        if let Some(field) = table::find(key) {
            if field.kind == FieldKind::OllamaServers {
                self.servers(field, OLLAMA_SERVER, value, span, at);
            } else if field.kind == FieldKind::OpenAiServers {
                self.servers(field, OPENAI_SERVER, value, span, at);
            } else {
                self.reading.set(field, value, at);
            }
        } else if let Some(known) = legacy::find(key) {
            self.reading.carry(known, value, at);
        } else if let (Value::Table(values), DeValue::Table(spans)) = (value, span.get_ref())
            && (table::is_section(key) || legacy::is_section(key))
        {
            self.table(key, values, spans);
        } else if table::is_section(key) {
            let (key, found) = (key.to_owned(), value.to_string());
            let expected = format!("a section: write [{key}] and its keys below");
            self.reading.problems.push(Problem::WrongValue {
                at,
                key,
                expected,
                found,
            });
        } else {
            self.reading.problems.push(unknown(key, at));
        }
    }

    fn servers(
        &mut self,
        field: &'static Field,
        columns: &'static [Field],
        value: &Value,
        span: &Spanned<DeValue<'_>>,
        at: Origin,
    ) {
        let (Value::Array(values), DeValue::Array(spans)) = (value, span.get_ref()) else {
            return self.reading.wrong(field.key, &field.kind, value, at);
        };
        let mut servers = Vec::new();
        for (value, span) in values.iter().zip(spans.iter()) {
            let line = (self.place)(line_of(self.text, span.span().start));
            match (value, span.get_ref()) {
                (Value::Table(value), DeValue::Table(span)) => {
                    servers.push(self.server(field.key, columns, value, span, line));
                }
                _ => self.reading.wrong(field.key, &field.kind, value, line),
            }
        }
        self.reading
            .settings
            .insert(field.key, (Value::Array(servers), at));
    }

    fn server(
        &mut self,
        section: &str,
        columns: &'static [Field],
        values: &Table,
        spans: &DeTable<'_>,
        at: Origin,
    ) -> Value {
        let mut server = Table::new();
        for (name, _) in spans {
            let line = (self.place)(line_of(self.text, name.span().start));
            let name = name.get_ref().as_ref();
            let key = format!("{section}.{name}");
            match (
                columns.iter().find(|column| column.key == name),
                values.get(name),
            ) {
                (Some(column), Some(value)) => match column.kind.check(value) {
                    Ok(value) => {
                        server.insert(name.to_owned(), value);
                    }
                    Err(_) => self.reading.wrong(&key, &column.kind, value, line),
                },
                _ if is_secret(name) => {
                    self.reading
                        .problems
                        .push(Problem::SecretByValue { at: line, key });
                }
                _ => {
                    let nearest = nearest(name, columns.iter().map(|column| column.key));
                    self.reading.problems.push(Problem::UnknownKey {
                        at: line,
                        key,
                        nearest,
                    });
                }
            }
        }
        for column in columns
            .iter()
            .filter(|column| !spans.iter().any(|(n, _)| n.get_ref() == column.key))
        {
            match default_of(column) {
                Some(value) => {
                    server.insert(column.key.to_owned(), value);
                }
                None => self.reading.problems.push(Problem::Missing {
                    at: at.clone(),
                    key: format!("{section}.{}", column.key),
                    expected: column.kind.expected(),
                }),
            }
        }
        Value::Table(server)
    }
}

impl Reading {
    pub(crate) fn set(&mut self, field: &'static Field, value: &Value, at: Origin) {
        match field.kind.check(value) {
            Ok(value) => {
                self.settings.insert(field.key, (value, at));
            }
            Err(_) => self.wrong(field.key, &field.kind, value, at),
        }
    }

    fn carry(&mut self, known: &'static legacy::LegacyKey, value: &Value, at: Origin) {
        match legacy::carry(known, value, &at) {
            Carried::Set { to, value } => match table::find(to).map(|field| field.kind) {
                Some(kind) => match kind.check(&value) {
                    Ok(value) => {
                        self.carried.insert(to, (value, at));
                    }
                    Err(_) => self.wrong(known.key, &kind, &value, at),
                },
                None => self.problems.push(Problem::Inconsistent {
                    reason: to.to_owned(),
                }),
            },
            Carried::Kept => {}
            Carried::Warn(warning) => self.warnings.push(warning),
        }
    }

    fn wrong(&mut self, key: &str, kind: &FieldKind, value: &Value, at: Origin) {
        // A pasted key must not come back in an error message that ends in a log.
        let found = if *kind == FieldKind::Variable {
            "what was given".to_owned()
        } else {
            value.to_string()
        };
        let (key, expected) = (key.to_owned(), kind.expected());
        self.problems.push(Problem::WrongValue {
            at,
            key,
            expected,
            found,
        });
    }
}

/// The default in the written form; `None` for a field that must be given.
pub(crate) fn default_of(field: &Field) -> Option<Value> {
    let document = format!("v = {}", field.default);
    toml::from_str::<Table>(&document).ok()?.remove("v")
}

pub(crate) fn unknown(key: &str, at: Origin) -> Problem {
    let name = key.rsplit('.').next().unwrap_or(key);
    if is_secret(name) {
        return Problem::SecretByValue {
            at,
            key: key.to_owned(),
        };
    }
    let sections = table::SECTIONS.iter().map(|(section, _)| *section);
    let keys = FIELDS.iter().map(|field| field.key);
    let old = LEGACY.iter().map(|known| known.key);
    let nearest = nearest(key, keys.chain(sections).chain(old));
    Problem::UnknownKey {
        at,
        key: key.to_owned(),
        nearest,
    }
}

/// Names under which people paste keys.
fn is_secret(name: &str) -> bool {
    [
        "api_key", "apikey", "key", "token", "secret", "password", "bearer",
    ]
    .contains(&name)
}

fn line_of(text: &str, offset: usize) -> usize {
    1 + text
        .bytes()
        .take(offset)
        .filter(|byte| *byte == b'\n')
        .count()
}
