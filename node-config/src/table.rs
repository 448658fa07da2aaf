//! The one table of fields: key, what it takes, default, what to set and what that trades. The
//! typed configuration, the checks, the sample file and the reference page all follow from it.

mod cluster;

use crate::kind::{DirPlace, FieldKind};

/// One thing to turn.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// Section and name, joined by dots.
    pub key: &'static str,
    pub kind: FieldKind,
    /// As it would stand in a file; empty for a field that must be given.
    pub default: &'static str,
    /// What to set it to.
    pub sets: &'static str,
    /// What more or less of it costs.
    pub trades: &'static str,
}

const fn field(
    key: &'static str,
    kind: FieldKind,
    default: &'static str,
    sets: &'static str,
    trades: &'static str,
) -> Field {
    Field {
        key,
        kind,
        default,
        sets,
        trades,
    }
}

/// Sections in the order of the reference page, with a line about each.
pub(crate) const SECTIONS: &[(&str, &str)] = &[
    ("models", "Which models answer, and where their files lie."),
    (
        "budgets",
        "What one job may spend. A budget that is reached ends the job with its best answer.",
    ),
    ("root", "How the root model of a job is asked."),
    ("dispatch", "How sub-calls go out to the models."),
    (
        "cache",
        "Replies that need not be asked again. Only exact repeats of deterministic calls hit.",
    ),
    (
        "repl",
        "Limits of the Python session in which a root model works.",
    ),
    ("context", "How a context is opened."),
    ("engine.llama", "The engine inside the program (llama.cpp)."),
    ("providers.openai", "OpenAI-compatible servers."),
    ("providers.ollama", "Ollama servers."),
    (
        "api",
        "Asking a node from elsewhere. On the machine itself its socket serves, and needs nothing.",
    ),
    ("cluster", "A node of a cluster. `rlm-node run` reads it."),
    (
        "cluster.raft",
        "How the voters agree. Short times suit a quick network, long ones a slow one.",
    ),
    ("cluster.membership", "How soon it is known who lives."),
    (
        "cluster.transport",
        "Links between nodes, and what one may take.",
    ),
    (
        "cluster.store",
        "How what is known without agreement spreads, and how much is kept.",
    ),
    ("display", "What `rlm-ctl` shows while a job runs."),
    ("trace", "The record that every job leaves."),
];

const K: u64 = 1000;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
const TIB: u64 = 1 << 40;
const DAY_MS: u64 = 24 * 3600 * K;

/// All of them, in the order of the reference page.
pub const FIELDS: &[Field] = &joined::<{ ALONE.len() + cluster::FIELDS.len() }>();

const fn joined<const N: usize>() -> [Field; N] {
    let mut all = [ALONE[0]; N];
    let mut i = 0;
    while i < N {
        all[i] = if i < ALONE.len() {
            ALONE[i]
        } else {
            cluster::FIELDS[i - ALONE.len()]
        };
        i += 1;
    }
    all
}

/// What a machine needs that is alone.
const ALONE: &[Field] = &[
    field(
        "models.default",
        FieldKind::Text,
        "\"qwen2.5-coder-1.5b\"",
        "The root model: a catalog name, `PATH.gguf`, `ollama:NAME[@URL]` or `openai:NAME@URL`.",
        "A larger root writes better code and costs more time a turn. A cluster's `jobs.model` \
         goes before it.",
    ),
    field(
        "models.sub",
        FieldKind::Text,
        "\"same\"",
        "The model of sub-calls, named the same way; `\"same\"` takes the root's.",
        "A smaller one makes wide questions cheaper; two local models need memory for both.",
    ),
    field(
        "models.catalog",
        FieldKind::File,
        "\"none\"",
        "A catalog file whose models come before the built-in ones; `\"none\"` for those alone.",
        "An own catalog is yours to keep: hashes and sources are taken as written.",
    ),
    field(
        "models.data_dir",
        FieldKind::Dir(DirPlace::Data("models")),
        "\"auto\"",
        "The folder of pulled models; `\"auto\"` is `models` in the user's data folder.",
        "A shared folder saves gigabytes; it must be writable by whoever pulls.",
    ),
    field(
        "models.record",
        FieldKind::DirOrNone,
        "\"none\"",
        "The folder into which each exchange with a model is written (`--record`), a file a model; \
         `\"none\"` writes none.",
        "Everything that is asked stands there, the context's text too. The reply cache is off, so \
         that no exchange is missing. A folder takes one recording: one that has one is refused.",
    ),
    field(
        "models.replay",
        FieldKind::DirOrNone,
        "\"none\"",
        "The folder of a recording that answers in place of the models (`--replay`); `\"none\"` \
         asks them.",
        "No model is loaded and no server asked. A request that is not in it is an error: the \
         context, the question, the flags and the program must be those of the recording.",
    ),
    field(
        "budgets.turns",
        FieldKind::Count {
            min: 1,
            max: 10_000,
        },
        "20",
        "Turns of the root model.",
        "Peers use 20 to 30. Hard questions use more; a lost root wastes each one.",
    ),
    field(
        "budgets.sub_calls",
        FieldKind::Count {
            min: 0,
            max: 10_000_000,
        },
        "2000",
        "Sub-calls of a job, its children's too.",
        "Peers stop at 50. One call for each of 1000 lines must fit; each costs tokens.",
    ),
    field(
        "budgets.tokens",
        FieldKind::Count {
            min: 1000,
            max: 1_000_000_000_000,
        },
        "5_000_000",
        "Prompt and reply tokens of all calls together.",
        "The bound on money at paid servers, on hours at local models.",
    ),
    field(
        "budgets.wall",
        FieldKind::Span {
            min_ms: K,
            max_ms: 30 * DAY_MS,
        },
        "\"30m\"",
        "Wall-clock time of a job.",
        "Short loses long questions, long lets a stuck one sit.",
    ),
    field(
        "budgets.depth",
        FieldKind::Count { min: 0, max: 8 },
        "1",
        "Levels of `rlm_query` below the root; 0 makes `rlm_query` a plain `llm_query`.",
        "Each level multiplies what a job can spend; the budgets hold over all levels.",
    ),
    field(
        "budgets.consecutive_errors",
        FieldKind::Count { min: 1, max: 1000 },
        "4",
        "Turns in a row without code, or with code that raised, before the last turn is forced.",
        "More gives a weak root more chances and costs turns.",
    ),
    field(
        "root.retries",
        FieldKind::Count { min: 0, max: 20 },
        "2",
        "How often one root call is asked again after a fault that may pass.",
        "More rides over longer outages and delays the error.",
    ),
    field(
        "root.retry_wait",
        FieldKind::Span {
            min_ms: 1,
            max_ms: 600 * K,
        },
        "\"500ms\"",
        "The wait before the first of these; it doubles.",
        "Short recovers sooner and presses a server that is down.",
    ),
    field(
        "root.reply_bytes",
        FieldKind::Size {
            min: K,
            max: 16 * MIB,
        },
        "\"256KiB\"",
        "Bytes of one reply after which the root is stopped.",
        "More lets a root that repeats itself go on; a long reply has some 16 KiB.",
    ),
    field(
        "root.closing_percent",
        FieldKind::Count { min: 0, max: 90 },
        "20",
        "Of the wall time, the part that is kept for the last turn's answer.",
        "More makes a late answer likelier and leaves less time to find it.",
    ),
    field(
        "root.closing_most",
        FieldKind::Span {
            min_ms: 0,
            max_ms: 3600 * K,
        },
        "\"45s\"",
        "The most wall time that is kept for it.",
        "A slow root needs more for its last reply.",
    ),
    field(
        "dispatch.max_concurrent",
        FieldKind::Count {
            min: 1,
            max: 100_000,
        },
        "1024",
        "Sub-calls of one job in flight. The engine's own slots bound it further.",
        "Less leaves room for other jobs; more only helps where servers have the slots.",
    ),
    field(
        "dispatch.waiting_per_job",
        FieldKind::Count {
            min: 1,
            max: 1_000_000,
        },
        "4096",
        "Calls of one job that wait or run; a larger batch is fed in as these finish.",
        "Each holds its prompt in memory.",
    ),
    field(
        "dispatch.waiting_in_all",
        FieldKind::Count {
            min: 1,
            max: 10_000_000,
        },
        "16_384",
        "The same for all jobs together.",
        "Each holds its prompt in memory.",
    ),
    field(
        "dispatch.call_deadline",
        FieldKind::Span {
            min_ms: 100,
            max_ms: DAY_MS,
        },
        "\"5m\"",
        "Time of one sub-call once an engine works on it; waiting for a slot does not count.",
        "Short gives up on slow models, long lets a hung server hold a slot.",
    ),
    field(
        "dispatch.retries",
        FieldKind::Count { min: 0, max: 20 },
        "2",
        "How often a call is asked again after a fault that may pass (busy, unreachable).",
        "More rides over longer outages and delays the error. A call whose engine died is asked \
         again at most once; llama.cpp's does that by itself, whatever is set here.",
    ),
    field(
        "dispatch.retry_wait",
        FieldKind::Span {
            min_ms: 1,
            max_ms: 600 * K,
        },
        "\"250ms\"",
        "The wait before the first retry; it doubles. A server's own Retry-After comes first.",
        "Short recovers sooner and presses a server that is down.",
    ),
    field(
        "dispatch.retry_wait_max",
        FieldKind::Span {
            min_ms: 1,
            max_ms: 3600 * K,
        },
        "\"30s\"",
        "The longest wait between two tries.",
        "Long is kind to a server, short to the job.",
    ),
    field(
        "cache.enabled",
        FieldKind::Bool,
        "true",
        "Whether replies are kept and looked up (`--no-cache` turns it off for one job).",
        "Off asks every repeat again.",
    ),
    field(
        "cache.memory_bytes",
        FieldKind::Size { min: 0, max: TIB },
        "\"64MiB\"",
        "Replies kept in memory, least recently used out first; `\"0B\"` keeps none.",
        "Memory against repeated calls of one process.",
    ),
    field(
        "cache.disk_bytes",
        FieldKind::Size {
            min: 0,
            max: 1024 * TIB,
        },
        "\"1GiB\"",
        "Replies kept on disk, oldest use out first; `\"0B\"` keeps none.",
        "Disk against repeated calls of later runs.",
    ),
    field(
        "cache.dir",
        FieldKind::Dir(DirPlace::Cache),
        "\"auto\"",
        "The folder of all caches; `\"auto\"` is `rlm` in the user's cache folder.",
        "Local disks only: it is written often, and contexts above 256 MiB are copied into it. May \
         be deleted at any time.",
    ),
    field(
        "repl.block_time",
        FieldKind::Span {
            min_ms: 100,
            max_ms: DAY_MS,
        },
        "\"1m\"",
        "Running time of one block of code; waiting for models does not count.",
        "Long lets heavy scans finish, short ends endless loops sooner.",
    ),
    field(
        "repl.memory_bytes",
        FieldKind::Size {
            min: 64 * MIB,
            max: 4 * GIB,
        },
        "\"512MiB\"",
        "Memory of one session. The context itself is not in it.",
        "Each job and each child in flight may use this much.",
    ),
    field(
        "repl.output_bytes",
        FieldKind::Size {
            min: 256,
            max: 64 * MIB,
        },
        "\"20kB\"",
        "Output of one block that the root sees; the rest is cut with a notice.",
        "More shows more and fills the root's window.",
    ),
    field(
        "repl.host_calls",
        FieldKind::Count {
            min: 100,
            max: 1_000_000_000,
        },
        "1_000_000",
        "Model calls that one block may make.",
        "Fewer stop a runaway loop sooner; `budgets.sub_calls` bounds the whole job.",
    ),
    field(
        "repl.recursion",
        FieldKind::Count {
            min: 50,
            max: 10_000,
        },
        "1000",
        "Python's recursion limit in a session.",
        "Deep recursion needs more of the session's stack.",
    ),
    field(
        "repl.bulk_items",
        FieldKind::Count {
            min: 0,
            max: 10_000_000,
        },
        "200",
        "Sub-calls in one batch before a small root is asked to filter first; 0 for no guard.",
        "Low stops a small model from asking about every line, high lets it.",
    ),
    field(
        "context.max_bytes",
        FieldKind::Size {
            min: K,
            max: 1024 * TIB,
        },
        "\"10GiB\"",
        "The largest context that is opened, all sources together.",
        "Up to 256 MiB are read into memory; more is copied to `scratch` in `cache.dir` and mapped \
         from there, so it needs that much disk. Search needs an index beside it.",
    ),
    field(
        "context.max_files",
        FieldKind::Count {
            min: 1,
            max: 10_000_000,
        },
        "100_000",
        "Files that a folder may hold as sections.",
        "Each costs a mapping and a name in the session.",
    ),
    field(
        "context.index_cache",
        FieldKind::Bool,
        "true",
        "Keep search indexes in the cache folder.",
        "Off builds the index again in each run.",
    ),
    field(
        "context.respect_ignore",
        FieldKind::Bool,
        "true",
        "Leave out what `.gitignore` and `.ignore` name, and hidden files.",
        "Off reads build output and version control, too.",
    ),
    field(
        "context.ignore",
        FieldKind::Texts,
        "[]",
        "More patterns to leave out of folders, as in `.gitignore`.",
        "What is left out cannot be found. A file that is named itself is always read.",
    ),
    field(
        "engine.llama.threads",
        FieldKind::AutoCount { min: 1, max: 1024 },
        "\"auto\"",
        "Threads of an engine process; `\"auto\"` is all cores up to two, one less from three on.",
        "An engine must own its cores: one thread too many stalls all of them. On two cores both \
         are better than one; `cargo run -p engine-llama --example bench -- MODEL.gguf` compares \
         all cores with all but one.",
    ),
    field(
        "engine.llama.window",
        FieldKind::Count {
            min: 256,
            max: 10_000_000,
        },
        "8192",
        "Tokens of prompt and reply of one call; the model's own window bounds it.",
        "Memory for keys and values grows with it.",
    ),
    field(
        "engine.llama.cells",
        FieldKind::AutoCount {
            min: 256,
            max: 100_000_000,
        },
        "\"auto\"",
        "Tokens of all sequences together; `\"auto\"` follows from window and sequences.",
        "Too few makes calls wait for each other.",
    ),
    field(
        "engine.llama.sequences",
        FieldKind::Count { min: 1, max: 256 },
        "16",
        "Calls that are decoded together.",
        "More raises tokens a second in all and lowers those of one call.",
    ),
    field(
        "engine.llama.kv_type",
        FieldKind::Choice(&["f16", "q8_0", "q4_0"]),
        "\"f16\"",
        "How keys and values are kept.",
        "Smaller types halve the memory; on a CPU `f16` reads prompts faster and is most exact.",
    ),
    field(
        "engine.llama.flash_attention",
        FieldKind::Choice(&["auto", "on", "off"]),
        "\"auto\"",
        "`\"auto\"` turns it on with `q8_0`, `q4_0` or a GPU.",
        "On a CPU with `f16`, on is faster for prompts and slower for replies.",
    ),
    field(
        "engine.llama.batch",
        FieldKind::Count {
            min: 32,
            max: 65_536,
        },
        "256",
        "Tokens of all calls in one step of the engine.",
        "More speeds up prompts; a cancelled call waits for the step to end.",
    ),
    field(
        "engine.llama.physical_batch",
        FieldKind::Count {
            min: 32,
            max: 65_536,
        },
        "256",
        "Tokens that are computed at once inside a step.",
        "More speeds up prompts and costs memory. For embeddings it is the step itself.",
    ),
    field(
        "engine.llama.mmap",
        FieldKind::Bool,
        "true",
        "Map the model's file in place of reading it.",
        "Off loads slower and binds the weights to one NUMA node.",
    ),
    field(
        "engine.llama.extra_bufts",
        FieldKind::Choice(&["auto", "on", "off"]),
        "\"auto\"",
        "Repack weights for this CPU; `\"auto\"` does so for `Q4_0` files alone.",
        "Repacked weights cost private memory; K-quants get slower by it.",
    ),
    field(
        "providers.openai.key_env",
        FieldKind::Variable,
        "\"OPENAI_API_KEY\"",
        "The environment variable that holds the key for `openai:NAME@URL`; never the key itself.",
        "The key goes to whatever URL is named: use servers of your own or trusted ones.",
    ),
    field(
        "providers.openai.key_file",
        FieldKind::File,
        "\"none\"",
        "A file that holds the key and that only its owner can read; comes before `key_env`.",
        "A file survives a shell; keep it out of backups.",
    ),
    field(
        "providers.openai.max_concurrent",
        FieldKind::Count {
            min: 1,
            max: 100_000,
        },
        "256",
        "Calls in flight at a server that is not listed below.",
        "More is faster where the server batches, and draws refusals where it does not.",
    ),
    field(
        "providers.openai.connect_timeout",
        FieldKind::Span {
            min_ms: 10,
            max_ms: 600 * K,
        },
        "\"10s\"",
        "Time to reach a server.",
        "Short finds dead servers sooner, long survives slow links.",
    ),
    field(
        "providers.openai.servers",
        FieldKind::OpenAiServers,
        "[]",
        "Keys and limits of servers by their `url`: `openai:NAME@URL` takes those of that URL.",
        "Every URL that is not listed gets the key above; a listed one gets its own or none.",
    ),
    field(
        "providers.ollama.url",
        FieldKind::Url,
        "\"http://127.0.0.1:11434\"",
        "The server of `ollama:NAME` when none of the listed ones serves it.",
        "A remote one sees the prompts.",
    ),
    field(
        "providers.ollama.keep_alive",
        FieldKind::Span {
            min_ms: 0,
            max_ms: 30 * DAY_MS,
        },
        "\"5m\"",
        "How long a server keeps a model loaded after a call.",
        "Long avoids loading again and holds its memory.",
    ),
    field(
        "providers.ollama.max_concurrent",
        FieldKind::Count {
            min: 1,
            max: 100_000,
        },
        "4",
        "Calls in flight at a server that is not listed below.",
        "More than the server's own parallelism only moves the queue there.",
    ),
    field(
        "providers.ollama.connect_timeout",
        FieldKind::Span {
            min_ms: 10,
            max_ms: 600 * K,
        },
        "\"10s\"",
        "Time to reach a server.",
        "Short finds dead servers sooner, long survives slow links.",
    ),
    field(
        "providers.ollama.servers",
        FieldKind::OllamaServers,
        "[]",
        "Servers by name; `ollama:NAME` finds the one that serves the model.",
        "Lower `priority` is asked first.",
    ),
    field(
        "display.live",
        FieldKind::Choice(&["auto", "on", "off"]),
        "\"auto\"",
        "The live display; `\"auto\"` shows it on a terminal.",
        "Off prints plain lines only.",
    ),
    field(
        "display.every",
        FieldKind::Span {
            min_ms: K,
            max_ms: 3600 * K,
        },
        "\"10s\"",
        "How often a plain line is printed off a terminal.",
        "Short fills logs.",
    ),
    field(
        "display.color",
        FieldKind::Choice(&["auto", "always", "never"]),
        "\"auto\"",
        "Colour; `\"auto\"` uses it on a terminal unless `NO_COLOR` is set.",
        "None.",
    ),
    field(
        "trace.enabled",
        FieldKind::Bool,
        "true",
        "Write a trace of each job.",
        "Off saves some kilobytes a job and gives up replay.",
    ),
    field(
        "trace.dir",
        FieldKind::Dir(DirPlace::Data("traces")),
        "\"auto\"",
        "The folder of traces; `\"auto\"` is `traces` in the user's data folder.",
        "Traces hold prompts and output: keep the folder private.",
    ),
    field(
        "trace.keep",
        FieldKind::Count {
            min: 1,
            max: 1_000_000,
        },
        "200",
        "Traces that are kept, the newest ones.",
        "Disk against history.",
    ),
];

pub const OLLAMA_SERVER: &[Field] = &[
    field("name", FieldKind::Text, "", "A name for people.", "None."),
    field(
        "host",
        FieldKind::Text,
        "",
        "Host name or address.",
        "None.",
    ),
    field(
        "port",
        FieldKind::Count {
            min: 1,
            max: 65_535,
        },
        "11434",
        "TCP port.",
        "None.",
    ),
    field(
        "models",
        FieldKind::Texts,
        "[]",
        "Models that it serves; none means any.",
        "None.",
    ),
    field(
        "max_concurrent",
        FieldKind::Count {
            min: 1,
            max: 100_000,
        },
        "4",
        "Calls in flight at this server.",
        "As for all servers.",
    ),
    field(
        "priority",
        FieldKind::Count { min: 0, max: 1000 },
        "1",
        "Lower is asked first.",
        "None.",
    ),
];

pub const OPENAI_SERVER: &[Field] = &[
    field("name", FieldKind::Text, "", "A name for people.", "None."),
    field(
        "url",
        FieldKind::Url,
        "",
        "Base address as in `openai:NAME@URL`, with `/v1`.",
        "None.",
    ),
    field(
        "max_concurrent",
        FieldKind::Count {
            min: 1,
            max: 100_000,
        },
        "256",
        "Calls in flight at this server.",
        "As for all servers.",
    ),
    field(
        "key_env",
        FieldKind::Variable,
        "\"none\"",
        "The environment variable that holds its key.",
        "None.",
    ),
    field(
        "key_file",
        FieldKind::File,
        "\"none\"",
        "A file that holds its key; comes before `key_env`.",
        "None.",
    ),
];

pub(crate) fn find(key: &str) -> Option<&'static Field> {
    FIELDS.iter().find(|field| field.key == key)
}

/// Whether the setting `key` would take `text`, or what it takes instead. For what stands for a
/// setting elsewhere, such as a flag or a field of a request: bounds are in this table alone.
pub fn takes(key: &str, text: &str) -> Result<(), String> {
    let field = find(key).ok_or_else(|| format!("a setting's name, and `{key}` is none"))?;
    field.kind.check(&field.kind.from_text(text)).map(drop)
}

/// Whether some field's key begins with `section` and a dot.
pub(crate) fn is_section(section: &str) -> bool {
    FIELDS.iter().any(|field| {
        field
            .key
            .strip_prefix(section)
            .is_some_and(|rest| rest.starts_with('.'))
    })
}
