//! Layers merged into one configuration, with the origin of each value. Pure: texts, variables and
//! folders are given. Stronger layers come later in the list; every problem of every layer is told.

use crate::kind::{DirPlace, FieldKind};
use crate::layer::{Reading, default_of, read_toml, unknown};
use crate::table::{self, SECTIONS};
use crate::{
    Config, ConfigError, Dirs, Environment, FIELDS, Field, Outside, Problem, Warning, environment,
    relations,
};
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use toml::{Table, Value};

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    Default,
    /// A default that gave way to the value of another field.
    Follows {
        key: &'static str,
    },
    Profile {
        name: String,
        line: usize,
    },
    File {
        path: PathBuf,
        line: usize,
    },
    Variable {
        name: String,
    },
    Flag {
        name: String,
    },
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Default => f.write_str("default"),
            Origin::Follows { key } => write!(f, "follows {key}"),
            Origin::Profile { name, line } => write!(f, "profile {name}:{line}"),
            Origin::File { path, line } => write!(f, "{}:{line}", path.display()),
            Origin::Variable { name } => write!(f, "environment {name}"),
            Origin::Flag { name } => write!(f, "flag {name}"),
        }
    }
}

/// One source of values.
#[derive(Clone, Debug)]
pub enum Layer {
    Profile {
        name: String,
        text: String,
    },
    File {
        path: PathBuf,
        text: String,
    },
    Environment(Environment),
    /// Field, text, and the flag's name as the user typed it.
    Flags(Vec<(String, String, String)>),
}

/// A configuration that holds together.
#[derive(Clone, Debug)]
pub struct Loaded {
    pub config: Config,
    pub dirs: Dirs,
    /// What other programs' variables ask for.
    pub outside: Outside,
    /// The origin of every field, by key.
    pub origins: BTreeMap<&'static str, Origin>,
    pub warnings: Vec<Warning>,
    values: BTreeMap<&'static str, Value>,
}

impl Loaded {
    /// The whole configuration as TOML that reads back as the same; with `origins` each value has
    /// the place it came from as a comment behind it.
    pub fn show(&self, origins: bool) -> String {
        let mut text = String::new();
        for (section, _) in SECTIONS {
            if !text.is_empty() {
                text.push('\n');
            }
            text.push_str(&format!("[{section}]\n"));
            for (name, field) in names_of(section) {
                if let Some(value) = self.values.get(field.key) {
                    text.push_str(&self.line(name, field, value, origins));
                }
            }
        }
        text
    }

    fn line(&self, name: &str, field: &Field, value: &Value, origins: bool) -> String {
        let set = format!("{name} = {value}");
        if !origins {
            return set + "\n";
        }
        let origin = self.origins.get(field.key).unwrap_or(&Origin::Default);
        // A path may hold anything, and a comment ends with its line.
        let origin = origin.to_string().replace(char::is_control, " ");
        format!("{set:<ORIGIN_COLUMN$} # {origin}\n")
    }
}

/// Where origins begin, so that most of them stand below each other.
const ORIGIN_COLUMN: usize = 40;

/// The fields of a section in the order of the table, each with its name there.
pub(crate) fn names_of(section: &str) -> impl Iterator<Item = (&'static str, &'static Field)> {
    FIELDS.iter().filter_map(move |field| {
        let (above, name) = field.key.rsplit_once('.')?;
        (above == section).then_some((name, field))
    })
}

/// Merges `layers`, weakest first, over the defaults.
pub fn resolve(layers: &[Layer], dirs: &Dirs) -> Result<Loaded, ConfigError> {
    let mut problems = Vec::new();
    let mut warnings = Vec::new();
    let mut merged: BTreeMap<&'static str, (Value, Origin)> = BTreeMap::new();
    for field in FIELDS {
        match default_of(field) {
            Some(value) => {
                merged.insert(field.key, (value, Origin::Default));
            }
            None => problems.push(inconsistent(field.key)),
        }
    }
    for layer in layers {
        let mut reading = read_layer(layer);
        problems.append(&mut reading.problems);
        warnings.append(&mut reading.warnings);
        merged.extend(reading.carried);
        merged.extend(reading.settings);
    }
    if !problems.is_empty() {
        return Err(ConfigError { problems });
    }
    for field in FIELDS {
        if let Some((value, origin)) = merged.get_mut(field.key) {
            settle_path(field, value, origin, dirs);
        }
    }
    let problems = relations::check(&mut merged);
    if !problems.is_empty() {
        return Err(ConfigError { problems });
    }
    let (values, origins): (BTreeMap<_, _>, BTreeMap<_, _>) = merged
        .into_iter()
        .map(|(key, (value, origin))| ((key, value), (key, origin)))
        .unzip();
    let config = typed(&values).map_err(|reason| ConfigError {
        problems: vec![inconsistent(&reason)],
    })?;
    Ok(Loaded {
        config,
        dirs: dirs.clone(),
        outside: outside(layers),
        origins,
        warnings,
        values,
    })
}

fn outside(layers: &[Layer]) -> Outside {
    let environment = layers.iter().find_map(|layer| match layer {
        Layer::Environment(environment) => Some(environment),
        Layer::Profile { .. } | Layer::File { .. } | Layer::Flags(_) => None,
    });
    environment.map(Outside::of).unwrap_or_default()
}

fn read_layer(layer: &Layer) -> Reading {
    match layer {
        Layer::Profile { name, text } => read_toml(text, &|line| Origin::Profile {
            name: name.clone(),
            line,
        }),
        Layer::File { path, text } => read_toml(text, &|line| Origin::File {
            path: path.clone(),
            line,
        }),
        Layer::Environment(variables) => environment::read(variables),
        Layer::Flags(flags) => {
            let mut reading = Reading::default();
            for (key, text, name) in flags {
                let at = Origin::Flag { name: name.clone() };
                match table::find(key) {
                    Some(field) => reading.set(field, &field.kind.from_text(text), at),
                    None => reading.problems.push(unknown(key, at)),
                }
            }
            reading
        }
    }
}

/// Makes folders and files real paths: `auto`, `~/`, and what is relative to the file itself.
fn settle_path(field: &Field, value: &mut Value, origin: &Origin, dirs: &Dirs) {
    let is_path = matches!(
        field.kind,
        FieldKind::File | FieldKind::Dir(_) | FieldKind::DirOrNone
    );
    let columns = (field.kind == FieldKind::OpenAiServers).then_some(table::OPENAI_SERVER);
    if !is_path && columns.is_none() {
        return;
    }
    if let (Some(columns), Value::Array(servers)) = (columns, &mut *value) {
        for server in servers.iter_mut().filter_map(Value::as_table_mut) {
            for column in columns {
                if let Some(value) = server.get_mut(column.key) {
                    settle_path(column, value, origin, dirs);
                }
            }
        }
        return;
    }
    let Value::String(text) = value else { return };
    let path = match (field.kind, text.as_str()) {
        (FieldKind::File | FieldKind::DirOrNone, "none") => return,
        (FieldKind::Dir(DirPlace::Data(below)), "auto") => dirs.data.join(below),
        (FieldKind::Dir(DirPlace::Cache), "auto") => dirs.cache.clone(),
        (_, text) => match (text.strip_prefix("~/"), origin) {
            (Some(rest), _) => dirs.home.join(rest),
            (None, Origin::File { path, .. }) => path.parent().unwrap_or(Path::new("")).join(text),
            (None, _) => PathBuf::from(text),
        },
    };
    *text = path.to_string_lossy().into_owned();
}

/// Unfolds dotted keys into tables and reads them as the typed configuration.
fn typed(values: &BTreeMap<&'static str, Value>) -> Result<Config, String> {
    let mut root = Table::new();
    for (key, value) in values {
        let mut names: Vec<&str> = key.split('.').collect();
        let last = names.pop().unwrap_or_default();
        let mut table = &mut root;
        for name in names {
            table = table
                .entry(name)
                .or_insert_with(|| Value::Table(Table::new()))
                .as_table_mut()
                .ok_or_else(|| format!("`{key}` is below a value"))?;
        }
        table.insert(last.to_owned(), value.clone());
    }
    root.try_into()
        .map_err(|error: toml::de::Error| error.message().to_owned())
}

fn inconsistent(reason: &str) -> Problem {
    Problem::Inconsistent {
        reason: reason.to_owned(),
    }
}
