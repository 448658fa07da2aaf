//! Layers, origins, bad input, the profile of the first design, and the pages that are generated.

use crate::*;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

fn dirs() -> Dirs {
    Dirs::of(&variables(&[("HOME", "/home/u")])).unwrap()
}

fn variables(pairs: &[(&str, &str)]) -> Environment {
    Environment(
        pairs
            .iter()
            .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
            .collect(),
    )
}

fn file(text: &str) -> Layer {
    Layer::File {
        path: "/etc/rlm/node.toml".into(),
        text: text.to_owned(),
    }
}

fn flag(key: &str, text: &str) -> Layer {
    Layer::Flags(vec![(key.to_owned(), text.to_owned(), "--flag".to_owned())])
}

fn resolved(layers: &[Layer]) -> Loaded {
    resolve(layers, &dirs()).unwrap()
}

/// Checks the whole message of a configuration that is refused.
#[track_caller]
fn check_refused(layers: &[Layer], message: &str) {
    assert_eq!(resolve(layers, &dirs()).unwrap_err().to_string(), message);
}

#[test]
fn the_defaults_hold_together() {
    let loaded = resolved(&[]);
    assert_eq!(loaded.warnings, []);
    assert_eq!(loaded.config.budgets.wall, Duration::from_secs(1800));
    assert_eq!(loaded.config.models.sub_model(), "qwen2.5-coder-1.5b");
    assert_eq!(
        loaded.config.models.data_dir,
        Path::new("/home/u/.local/share/rlm/models")
    );
    assert_eq!(loaded.config.cache.dir, Path::new("/home/u/.cache/rlm"));
    assert_eq!(loaded.config.engine.llama.threads, Auto::AUTO);
    assert_eq!(loaded.config.models.catalog, None);
    let models = &loaded.config.models;
    assert_eq!((&models.record, &models.replay), (&None, &None));
}

#[test]
fn every_field_of_the_table_is_in_the_configuration_and_the_reverse() {
    fn keys(prefix: &str, value: &toml::Value, found: &mut Vec<String>) {
        let Some(table) = value.as_table() else {
            return found.push(prefix.to_owned());
        };
        for (name, value) in table {
            let dot = if prefix.is_empty() { "" } else { "." };
            keys(&format!("{prefix}{dot}{name}"), value, found);
        }
    }
    let mut found = Vec::new();
    keys(
        "",
        &toml::Value::try_from(resolved(&[]).config).unwrap(),
        &mut found,
    );
    let mut table: Vec<String> = FIELDS.iter().map(|field| field.key.to_owned()).collect();
    table.sort();
    found.sort();
    assert_eq!(found, table);
}

#[test]
fn defaults_are_in_the_written_form_and_explained() {
    for field in FIELDS {
        let default = crate::layer::default_of(field).unwrap();
        assert_eq!(
            field.kind.check(&default).as_ref(),
            Ok(&default),
            "{}",
            field.key
        );
        assert!(
            field.sets.ends_with('.') && field.trades.ends_with('.'),
            "{}",
            field.key
        );
    }
    for field in OLLAMA_SERVER.iter().chain(OPENAI_SERVER) {
        assert!(field.default.is_empty() || crate::layer::default_of(field).is_some());
    }
}

#[test]
fn the_sample_sets_every_field_to_its_default() {
    let sample = resolved(&[file(&sample())]);
    assert_eq!(sample.config, resolved(&[]).config);
    assert!(
        sample
            .origins
            .values()
            .all(|origin| matches!(origin, Origin::File { .. }))
    );
}

#[test]
fn generated_files_are_up_to_date() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let advice = "run `cargo run -p node-config --example reference`";
    let page = fs::read_to_string(here.join("../docs/configuration.md")).unwrap();
    assert!(
        page == reference(),
        "docs/configuration.md is stale: {advice}"
    );
    let file = fs::read_to_string(here.join("sample.toml")).unwrap();
    assert!(
        file == sample(),
        "node-config/sample.toml is stale: {advice}"
    );
}

#[test]
fn stronger_layers_win_and_origins_tell() {
    let text = "[budgets]\nturns = 1\nwall = \"1h\"\ndepth = 3\n[display]\nevery = \"2s\"\n";
    let layers = [
        file(text),
        Layer::File {
            path: "rlm.toml".into(),
            text: "budgets.turns = 2\nbudgets.depth = 2".into(),
        },
        Layer::Environment(variables(&[("RLM_BUDGETS_TURNS", "3"), ("PATH", "/bin")])),
        flag("budgets.turns", "4"),
    ];
    let origin = |loaded: &Loaded, key: &str| loaded.origins[key].to_string();
    let loaded = resolved(&layers);
    assert_eq!(
        (loaded.config.budgets.turns, loaded.config.budgets.depth),
        (4, 2)
    );
    assert_eq!(origin(&loaded, "budgets.turns"), "flag --flag");
    assert_eq!(origin(&loaded, "budgets.depth"), "rlm.toml:2");
    assert_eq!(origin(&loaded, "budgets.wall"), "/etc/rlm/node.toml:3");
    assert_eq!(origin(&loaded, "budgets.tokens"), "default");
    let loaded = resolved(&layers[..3]);
    assert_eq!(loaded.config.budgets.turns, 3);
    assert_eq!(
        origin(&loaded, "budgets.turns"),
        "environment RLM_BUDGETS_TURNS"
    );
}

#[test]
fn what_is_shown_reads_back_as_the_same_configuration() {
    let text = "[budgets]\nwall = \"1h\"\n[context]\nignore = [\"*.o\", \"a # b\"]\n\
                [[providers.ollama.servers]]\nname = \"b\"\nhost = \"h\"\n";
    let layers = [
        Layer::File {
            path: "/etc/two\nlines.toml".into(),
            text: text.into(),
        },
        Layer::Environment(variables(&[("RLM_BUDGETS_TURNS", "3")])),
        flag("engine.llama.threads", "2"),
    ];
    let loaded = resolved(&layers);
    for origins in [false, true] {
        let shown = loaded.show(origins);
        let again = resolve(&[file(&shown)], &dirs()).unwrap();
        assert_eq!(again.config, loaded.config, "{shown}");
        assert_eq!(again.origins.len(), FIELDS.len());
    }
    let shown = loaded.show(true);
    for (key, value, origin) in [
        ("turns", "3", "environment RLM_BUDGETS_TURNS"),
        ("wall", "\"1h\"", "/etc/two lines.toml:2"),
        ("threads", "2", "flag --flag"),
        ("keep", "200", "default"),
    ] {
        let line = format!("{key} = {value}");
        let found = shown.lines().find(|shown| shown.starts_with(&line));
        assert!(
            found.is_some_and(|found| found.ends_with(&format!(" # {origin}"))),
            "{line} # {origin} in {shown}"
        );
    }
}

#[test]
fn unknown_keys_name_the_nearest() {
    check_refused(
        &[file("[budgets]\nturns = 3\ntrns = 4\n")],
        "/etc/rlm/node.toml:3: there is no `budgets.trns`; did you mean `budgets.turns`?",
    );
    check_refused(
        &[file("[budgts]\nturns = 3\n")],
        "/etc/rlm/node.toml:1: there is no `budgts`; did you mean `budgets`?",
    );
    check_refused(
        &[file("zzz = 3")],
        "/etc/rlm/node.toml:1: there is no `zzz`",
    );
    check_refused(
        &[flag("cache.enable", "no")],
        "flag --flag: there is no `cache.enable`; did you mean `cache.enabled`?",
    );
    check_refused(
        &[file(
            "[[providers.ollama.servers]]\nname = \"a\"\nhots = \"b\"\nhost = \"b\"\n",
        )],
        "/etc/rlm/node.toml:3: there is no `providers.ollama.servers.hots`; did you mean `host`?",
    );
}

#[test]
fn wrong_values_say_what_was_expected() {
    for (text, message) in [
        (
            "budgets.turns = 0",
            "`budgets.turns` must be a whole number from 1 to 10000, not 0",
        ),
        (
            "budgets.turns = -1",
            "`budgets.turns` must be a whole number from 1 to 10000, not -1",
        ),
        (
            "budgets.turns = \"5\"",
            "`budgets.turns` must be a whole number from 1 to 10000, not \"5\"",
        ),
        (
            "display.every = 10",
            "`display.every` must be a span of time from \"1s\" to \"1h\", not 10",
        ),
        (
            "repl.output_bytes = \"1B\"",
            "`repl.output_bytes` must be a size from \"256B\" to \"64MiB\", not \"1B\"",
        ),
        (
            "engine.llama.kv_type = \"q5\"",
            "`engine.llama.kv_type` must be one of \"f16\", \"q8_0\", \"q4_0\", not \"q5\"",
        ),
        (
            "engine.llama.threads = \"all\"",
            "`engine.llama.threads` must be \"auto\" or a whole number from 1 to 1024, not \"all\"",
        ),
        (
            "context.ignore = [1]",
            "`context.ignore` must be a list of texts, not [1]",
        ),
        (
            "providers.ollama.url = \"ftp://x\"",
            "`providers.ollama.url` must be an http:// or https:// address, not \"ftp://x\"",
        ),
        (
            "budgets = 3",
            "`budgets` must be a section: write [budgets] and its keys below, not 3",
        ),
    ] {
        let full = format!("/etc/rlm/node.toml:1: {message}");
        check_refused(&[file(text)], &full);
    }
    let broken = resolve(&[file("a = \n")], &dirs()).unwrap_err().to_string();
    assert!(
        broken.starts_with("/etc/rlm/node.toml:1: this is not TOML: "),
        "{broken}"
    );
    let twice = resolve(&[file("[cache]\n[cache]\n")], &dirs())
        .unwrap_err()
        .to_string();
    assert!(
        twice.starts_with("/etc/rlm/node.toml:2: this is not TOML: "),
        "{twice}"
    );
}

#[test]
fn all_problems_are_told_at_once() {
    let error = resolve(&[file("a = 1\nb = 2\n"), flag("c", "3")], &dirs()).unwrap_err();
    assert_eq!(error.problems.len(), 3);
}

/// A field, what is too much for the other field, and what the other has.
const CONTRADICTIONS: &[(&str, &str, &str, &str)] = &[
    ("repl.block_time", "\"2h\"", "budgets.wall", "\"1h\""),
    (
        "dispatch.max_concurrent",
        "10",
        "dispatch.waiting_per_job",
        "9",
    ),
    (
        "dispatch.waiting_per_job",
        "2000",
        "dispatch.waiting_in_all",
        "1999",
    ),
    (
        "dispatch.retry_wait",
        "\"1m\"",
        "dispatch.retry_wait_max",
        "\"59s\"",
    ),
    (
        "repl.output_bytes",
        "\"30kB\"",
        "engine.llama.window",
        "10_000",
    ),
    (
        "engine.llama.physical_batch",
        "128",
        "engine.llama.batch",
        "127",
    ),
    ("engine.llama.sequences", "100", "engine.llama.batch", "99"),
    (
        "cluster.raft.heartbeat",
        "\"51ms\"",
        "cluster.raft.election_min",
        "\"150ms\"",
    ),
    (
        "cluster.raft.election_min",
        "\"300ms\"",
        "cluster.raft.election_max",
        "\"300ms\"",
    ),
    (
        "cluster.raft.election_max",
        "\"5s\"",
        "cluster.raft.propose",
        "\"5s\"",
    ),
    (
        "cluster.membership.answer_within",
        "\"84ms\"",
        "cluster.membership.probe_every",
        "\"250ms\"",
    ),
    (
        "cluster.membership.probe_every",
        "\"401ms\"",
        "cluster.membership.pause",
        "\"400ms\"",
    ),
    (
        "cluster.transport.keep_alive",
        "\"1s\"",
        "cluster.transport.idle",
        "\"2s\"",
    ),
    (
        "cluster.transport.redial_first",
        "\"6s\"",
        "cluster.transport.redial_most",
        "\"5s\"",
    ),
    (
        "engine.llama.kv_type",
        "\"q8_0\"",
        "engine.llama.flash_attention",
        "\"off\"",
    ),
    ("models.record", "\"a\"", "models.replay", "\"b\""),
];

#[test]
fn fields_that_contradict_each_other_are_both_named() {
    check_refused(
        &[
            file("[budgets]\nwall = \"1m\"\n[repl]\nblock_time = \"30s\"\n"),
            flag("dispatch.call_deadline", "5m"),
        ],
        "`dispatch.call_deadline` (\"5m\", flag --flag) must be at most `budgets.wall` (\"1m\", \
         /etc/rlm/node.toml:2): a sub-call cannot outlive its job",
    );
    for (left, large, right, small) in CONTRADICTIONS {
        let text = format!("{left} = {large}\n{right} = {small}\n");
        let message = resolve(&[file(&text)], &dirs()).unwrap_err().to_string();
        assert!(
            message.contains(left) && message.contains(right),
            "{text}: {message}"
        );
    }
    let alone = resolve(&[file("dispatch.call_deadline = \"2h\"")], &dirs()).unwrap_err();
    assert!(
        alone
            .to_string()
            .contains("`budgets.wall` (\"30m\", default)"),
        "{alone}"
    );
}

#[test]
fn a_default_gives_way_to_what_was_set() {
    for (set, key, value, origin) in [
        (
            "budgets.wall = \"30s\"",
            "dispatch.call_deadline",
            "30s",
            "follows budgets.wall",
        ),
        (
            "budgets.wall = \"30s\"",
            "repl.block_time",
            "30s",
            "follows budgets.wall",
        ),
        (
            "engine.llama.window = 2000",
            "repl.output_bytes",
            "5999B",
            "follows engine.llama.window",
        ),
    ] {
        let shown = resolved(&[file(set)]).show(true);
        let (_, name) = key.rsplit_once('.').unwrap();
        let line = shown.lines().find(|line| line.starts_with(name)).unwrap();
        assert!(
            line.contains(&format!("\"{value}\"")) && line.ends_with(origin),
            "{set}: {line}"
        );
    }
    let fewer = resolved(&[file("dispatch.waiting_in_all = 9")])
        .config
        .dispatch;
    assert_eq!((fewer.waiting_per_job, fewer.max_concurrent), (9, 9));
    let more = resolved(&[file("dispatch.max_concurrent = 20_000")]);
    assert_eq!(more.config.dispatch.waiting_per_job, 20_000);
    assert_eq!(more.config.dispatch.waiting_in_all, 20_000);
    assert_eq!(
        more.origins["dispatch.waiting_in_all"].to_string(),
        "follows dispatch.waiting_per_job"
    );
}

#[test]
fn the_times_of_an_election_move_together() {
    let pace = |text: &str| {
        let raft = resolved(&[file(text)]).config.cluster.raft;
        [
            raft.heartbeat,
            raft.election_min,
            raft.election_max,
            raft.propose,
        ]
        .map(|span| span.as_millis())
    };
    assert_eq!(pace(""), [50, 150, 300, 5000]);
    let slow = "[cluster.raft]\nheartbeat = \"2s\"\n";
    assert_eq!(pace(slow), [2000, 6000, 6001, 6002]);
    let quick = "[cluster.raft]\npropose = \"20ms\"\n";
    assert_eq!(pace(quick), [6, 18, 19, 20]);
    check_refused(
        &[file(
            "[cluster.raft]\nheartbeat = \"1s\"\nelection_min = \"2s\"\n",
        )],
        "`cluster.raft.heartbeat` (\"1s\", /etc/rlm/node.toml:2) must be at most a third of \
         `cluster.raft.election_min` (\"2s\", /etc/rlm/node.toml:3): one lost sign of life is no \
         reason for an election",
    );
}

#[test]
fn addresses_are_an_ip_and_a_port() {
    check_refused(
        &[file("cluster.listen = \"box:7411\"")],
        "/etc/rlm/node.toml:1: `cluster.listen` must be an address such as \"0.0.0.0:7411\", not \
         \"box:7411\"",
    );
    let text = "[cluster]\nlisten = \"[::]:9\"\nadvertise = \"192.0.2.1:9\"\n";
    let cluster = resolved(&[file(text)]).config.cluster;
    assert_eq!(cluster.listen.to_string(), "[::]:9");
    assert_eq!(
        cluster.advertise.map(|at| at.to_string()).as_deref(),
        Some("192.0.2.1:9")
    );
    assert_eq!(resolved(&[]).config.cluster.advertise, None);
}

#[test]
fn secrets_by_value_are_refused_and_never_repeated() {
    let text =
        "[[providers.openai.servers]]\nname = \"a\"\nurl = \"https://h/v1\"\napi_key = \"sk-1\"\n";
    let message = resolve(&[file(text)], &dirs()).unwrap_err().to_string();
    assert!(
        message.contains(":4:") && message.contains("`key_file`"),
        "{message}"
    );
    assert!(!message.contains("sk-1"));
    let pasted = resolve(&[file("providers.openai.key_env = \"sk-1\"")], &dirs()).unwrap_err();
    assert!(!pasted.to_string().contains("sk-1"), "{pasted}");
    let own = resolve(&[file("providers.openai.api_key = \"sk-1\"")], &dirs()).unwrap_err();
    assert!(
        matches!(own.problems[..], [Problem::SecretByValue { .. }]),
        "{own}"
    );
}

#[test]
fn the_environment_names_every_field_once_and_warns_of_strays() {
    let names: std::collections::BTreeSet<String> = FIELDS
        .iter()
        .map(|field| crate::environment::variable_of(field.key))
        .collect();
    assert_eq!(names.len(), FIELDS.len());
    let set = variables(&[
        ("RLM_CACHE_ENABLED", "off"),
        ("RLM_CONTEXT_IGNORE", "*.o, build/"),
        ("RLM_ENGINE_LLAMA_THREADS", "auto"),
        ("RLM_BUDGETS_TOKENS", "1_000_000"),
        ("RLM_MODELS_DATA_DIR", "~/m"),
        ("RLM_BUDGET_TURNS", "3"),
    ]);
    let loaded = resolved(&[Layer::Environment(set)]);
    assert!(!loaded.config.cache.enabled);
    assert_eq!(loaded.config.context.ignore, ["*.o", "build/"]);
    assert_eq!(loaded.config.budgets.tokens, 1_000_000);
    assert_eq!(loaded.config.models.data_dir, Path::new("/home/u/m"));
    let told: Vec<String> = loaded.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "environment RLM_BUDGET_TURNS: `RLM_BUDGET_TURNS` (the environment): \
          no field is set by it; \
          did you mean `RLM_BUDGETS_TURNS`?"
        ]
    );
}

#[test]
fn servers_take_defaults_and_need_their_names() {
    let loaded = resolved(&[file(
        "[[providers.openai.servers]]\nname = \"a\"\nurl = \"http://h:1/v1\"\nkey_file = \"k\"\n\
         [[providers.ollama.servers]]\nname = \"b\"\nhost = \"h\"\n",
    )]);
    let openai = &loaded.config.providers.openai.servers[0];
    assert_eq!(openai.max_concurrent, 256);
    assert_eq!(openai.key_file.as_deref(), Some(Path::new("/etc/rlm/k")));
    assert_eq!(
        loaded.config.providers.ollama.servers[0].url(),
        "http://h:11434"
    );
    check_refused(
        &[file("[[providers.ollama.servers]]\nname = \"b\"\n")],
        "/etc/rlm/node.toml:1: `providers.ollama.servers.host` is missing: \
         give a text that is not empty",
    );
    check_refused(
        &[file("providers.ollama.servers = 3")],
        "/etc/rlm/node.toml:1: `providers.ollama.servers` must be tables, \
         one per server, in a file, not 3",
    );
    // A model's name has its server's URL: there is nothing to choose between.
    check_refused(
        &[file(
            "[[providers.openai.servers]]\nname = \"a\"\nurl = \"http://h:1/v1\"\npriority = 1\n",
        )],
        "/etc/rlm/node.toml:4: there is no `providers.openai.servers.priority`",
    );
}

#[test]
fn what_stands_for_a_setting_has_its_bounds() {
    assert_eq!(takes("budgets.turns", "1"), Ok(()));
    assert_eq!(takes("budgets.wall", "1h"), Ok(()));
    for (key, text, expected) in [
        ("budgets.turns", "0", "a whole number from 1 to 10000"),
        ("budgets.depth", "1000", "a whole number from 0 to 8"),
        (
            "budgets.wall",
            "0s",
            r#"a span of time from "1s" to "720h""#,
        ),
        ("budgets", "1", "a setting's name, and `budgets` is none"),
    ] {
        assert_eq!(takes(key, text), Err(expected.to_owned()), "{key} {text}");
    }
}

#[test]
fn the_first_designs_file_loads_unchanged_and_each_key_has_its_fate() {
    let text = include_str!("../profiles/optimized.toml");
    let loaded = resolved(&[Layer::Profile {
        name: "optimized".into(),
        text: text.into(),
    }]);
    let config = &loaded.config;
    let at = |key: &str| loaded.origins[key].to_string();
    assert_eq!(
        (
            config.dispatch.max_concurrent,
            at("dispatch.max_concurrent").as_str()
        ),
        (20, "profile optimized:11")
    );
    assert_eq!(
        (
            config.engine.llama.sequences,
            at("engine.llama.sequences").as_str()
        ),
        (4, "profile optimized:12")
    );
    assert_eq!(config.cache.disk_bytes, ByteSize(4096 << 20));
    assert_eq!(config.context.max_bytes, ByteSize(10_240 << 20));
    let names: Vec<(&str, &str, u16, u32, u32)> = config
        .providers
        .ollama
        .servers
        .iter()
        .map(|s| {
            (
                s.name.as_str(),
                s.host.as_str(),
                s.port,
                s.max_concurrent,
                s.priority,
            )
        })
        .collect();
    assert_eq!(
        names,
        [
            ("m40-primary", "192.168.1.10", 11434, 2, 1),
            ("rtx-secondary", "192.168.1.11", 11434, 1, 2),
            ("p100-batch", "192.168.1.12", 11434, 4, 3),
        ]
    );
    assert_eq!(
        config.providers.ollama.servers[0].models,
        ["qwen2.5-coder:32b", "llama3.3:70b"]
    );
    check_warnings(&loaded);
    // Every key of the file is one of ours or in the table of fates: none was passed over.
    let keys = text.lines().filter(|l| l.contains(" = ")).count();
    let servers = 3 * 6;
    assert_eq!(keys, LEGACY.len() + servers);
}

/// The keys of the first design's file that do not act yet, and the part each belongs to.
#[track_caller]
fn check_warnings(loaded: &Loaded) {
    let warned: BTreeMap<&str, &str> = loaded
        .warnings
        .iter()
        .map(|warning| (warning.key.as_str(), warning.part))
        .collect();
    let (runtime, speculation) = ("the node's runtime", "speculation (run-ahead)");
    let (semantic, pipeline) = ("the semantic cache", "the pipeline");
    assert_eq!(
        warned,
        BTreeMap::from([
            ("runtime.worker_threads", runtime),
            ("runtime.blocking_threads", runtime),
            ("runtime.thread_stack_size", runtime),
            ("parallelism.use_speculation", speculation),
            ("parallelism.speculation_threads", speculation),
            ("caching.enable_semantic_cache", semantic),
            ("caching.semantic_threshold", semantic),
            ("caching.embedding_model", semantic),
            ("memory.chunk_size", "the context store"),
            ("pipeline.enable_pipelining", pipeline),
            ("pipeline.lookahead_depth", pipeline),
            ("pipeline.prefetch_chunks", pipeline),
            ("dogfooding.auto_approve", "dogfooding"),
            ("dogfooding.max_suggestions_per_cycle", "dogfooding"),
            ("dogfooding.test_coverage_threshold", "dogfooding"),
        ])
    );
}

#[test]
fn our_key_beats_the_first_designs_in_the_same_file() {
    let loaded = resolved(&[file(
        "[memory]\nuse_mmap = false\nmax_context_mb = 9\n[context]\nmax_bytes = \"2MiB\"\n",
    )]);
    assert_eq!(loaded.config.context.max_bytes, ByteSize(2 << 20));
    let told: Vec<String> = loaded.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "/etc/rlm/node.toml:2: `memory.use_mmap` (the context store): has no effect: \
             up to 256 MiB of a context are read into memory, more is mapped (a private copy)"
        ]
    );
    check_refused(
        &[file("[memory]\nmax_context_mb = \"big\"\n")],
        "/etc/rlm/node.toml:2: `memory.max_context_mb` must be a size \
         from \"1kB\" to \"1024TiB\", not \"big\"",
    );
}

#[test]
fn files_are_found_in_the_order_of_their_strength() {
    let root = tempfile::tempdir().unwrap();
    let (home, system) = (root.path().join("home"), root.path().join("sys"));
    let write = |path: PathBuf, text: &str| {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write(
        system.join("etc/rlm/node.toml"),
        "budgets.turns = 5\nbudgets.depth = 2\n",
    );
    write(home.join(".config/rlm/config.toml"), "budgets.turns = 6\n");
    let environment = variables(&[("HOME", home.to_str().unwrap())]);
    let request = LoadRequest {
        profile: Some("optimized".into()),
        ..LoadRequest::default()
    };
    let loaded = load_from(&request, &environment, &system).unwrap();
    assert_eq!(
        (loaded.config.budgets.turns, loaded.config.budgets.depth),
        (6, 2)
    );
    assert_eq!(loaded.config.dispatch.max_concurrent, 20);
    assert_eq!(
        config_files(&loaded.dirs, &system, true)[2],
        Path::new("rlm.toml")
    );
    let missing = LoadRequest {
        file: Some(root.path().join("no.toml")),
        ..LoadRequest::default()
    };
    let error = load_from(&missing, &environment, &system).unwrap_err();
    assert!(
        matches!(error.problems[..], [Problem::Unreadable { .. }]),
        "{error}"
    );
    let unknown = LoadRequest {
        profile: Some("fast".into()),
        ..LoadRequest::default()
    };
    let error = load_from(&unknown, &environment, &system).unwrap_err();
    assert_eq!(
        error.to_string(),
        "there is no profile `fast`: give `optimized` or the path of a file"
    );
    let homeless = load_from(&LoadRequest::default(), &variables(&[]), &system).unwrap_err();
    assert!(
        matches!(homeless.problems[..], [Problem::NoHome { .. }]),
        "{homeless}"
    );
}

#[test]
fn folders_follow_xdg_when_it_is_absolute() {
    let dirs = Dirs::of(&variables(&[
        ("HOME", "/h"),
        ("XDG_CACHE_HOME", "/c"),
        ("XDG_DATA_HOME", "relative"),
        ("XDG_RUNTIME_DIR", "/run/user/1"),
    ]))
    .unwrap();
    assert_eq!(dirs.cache, Path::new("/c/rlm"));
    assert_eq!(dirs.data, Path::new("/h/.local/share/rlm"));
    assert_eq!(dirs.runtime, Path::new("/run/user/1/rlm"));
}

#[test]
fn private_folders_and_files_are_closed_to_others() {
    let root = tempfile::tempdir().unwrap();
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    let dir = root.path().join("a/b");
    ensure_private_dir(&dir).unwrap();
    assert_eq!(mode(&dir), 0o700);
    fs::set_permissions(&dir, fs::Permissions::from_mode(0o755)).unwrap();
    ensure_private_dir(&dir).unwrap();
    assert_eq!(mode(&dir), 0o700);
    let file = dir.join("f");
    fs::write(&file, "x").unwrap();
    restrict_file(&file).unwrap();
    assert_eq!(mode(&file), 0o600);
    assert!(ensure_private_dir(&file.join("below")).is_err());
}

#[test]
fn keys_come_from_closed_files_or_variables() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("key");
    let source = KeySource {
        file: Some(path.clone()),
        variable: Some("K".into()),
    };
    let environment = variables(&[("K", "from-env")]);
    let read = || read_key(&source, &environment);
    assert!(matches!(read(), Err(SecretError::Unreadable { .. })));
    fs::write(&path, "sk-1\n").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    assert!(matches!(read(), Err(SecretError::Open { mode: 0o644, .. })));
    restrict_file(&path).unwrap();
    let key = read().unwrap().unwrap();
    assert_eq!(
        (key.reveal(), format!("{key:?}").as_str()),
        ("sk-1", "ServerKey(…)")
    );
    fs::write(&path, "two lines\nof text").unwrap();
    assert!(matches!(read(), Err(SecretError::Malformed { .. })));
    let source = KeySource {
        file: None,
        variable: Some("K".into()),
    };
    assert_eq!(
        read_key(&source, &environment).unwrap().unwrap().reveal(),
        "from-env"
    );
    assert_eq!(read_key(&KeySource::default(), &environment).unwrap(), None);
}
