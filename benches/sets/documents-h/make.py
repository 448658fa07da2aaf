#!/usr/bin/env python3
"""Write the question set documents-h.

    python3 make.py FOLDER

writes FOLDER/data/documents-h-1.0.0/*.md and FOLDER/documents-h.toml, the
same bytes on every run. Needs npm (fetches two packages by exact version with
`npm pack` and checks their digests) and the Python package blake3 (taken with
pip into a throw-away folder where it is not installed).

The two texts are the packages' own Markdown docs, unchanged, whole files one
after another with an empty line between. Both packages are under the MIT
licence: fastify (the Fastify team), semantic-release (its contributors).
"""

import hashlib
import json
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from pathlib import Path

SET = "documents-h"
VERSION = "1.0.0"
ABOUT = (
    "factual questions over two real technical Markdown texts of about 115 KB "
    "(the docs of fastify 5.12.8 and of semantic-release 24.2.3), held back, "
    "nobody fits a prompt to it"
)

SOURCES = [
    {
        "package": "fastify@5.12.8",
        "sha512": "9a83fc7b16f6b021cb51b264c29f88e82d2969d872e03f25a7449d9b363b1e149"
        "d66eaa6ecefeede8d9aabbbbca24690fffdf7403ce3dc6feef85b12741f10cf",
        "file": "fastify-docs.md",
        "parts": [
            "docs/Reference/LTS.md",
            "docs/Reference/Server.md",
            "docs/Reference/Logging.md",
            "docs/Reference/Middleware.md",
            "docs/Reference/HTTP2.md",
            "docs/Reference/ContentTypeParser.md",
            "docs/Reference/Warnings.md",
        ],
    },
    {
        "package": "semantic-release@24.2.3",
        "sha512": "2918501bd7146b33dabc9889105209dd700c8e07ddd1f70adc1f93dbaa8e97c2"
        "f4506e5a6548de45f4443b428ce489c6b58c31aa28b2b6426b6dc6282c312fd0",
        "file": "semantic-release-docs.md",
        "parts": [
            "docs/usage/getting-started.md",
            "docs/usage/installation.md",
            "docs/usage/ci-configuration.md",
            "docs/usage/configuration.md",
            "docs/usage/plugins.md",
            "docs/usage/workflow-configuration.md",
            "docs/usage/shareable-configurations.md",
            "docs/developer-guide/js-api.md",
            "docs/developer-guide/plugin.md",
            "docs/recipes/ci-configurations/circleci-workflows.md",
            "docs/recipes/ci-configurations/github-actions.md",
            "docs/recipes/ci-configurations/gitlab-ci.md",
            "docs/recipes/ci-configurations/jenkins-ci.md",
            "docs/recipes/ci-configurations/travis.md",
            "docs/recipes/git-hosted-services/git-auth-ssh-keys.md",
            "docs/support/FAQ.md",
            "docs/support/troubleshooting.md",
            "docs/support/node-version.md",
            "docs/support/node-support-policy.md",
            "docs/support/git-version.md",
        ],
    },
]


def one_of(*forms):
    return {"kind": "one_of", "any": list(forms)}


# Each ask: id, where the answer stands (table, code, list or sentence), question,
# expect, reject, evidence, and `again`: a function that reads the answer out of
# the written text a second time by another way (never through the evidence).
ASKS = {
    "fastify-docs.md": [
        dict(
            id="f-lts-v3",
            where="table",
            question="Until what date did Fastify 3 get long-term support?",
            expect=one_of(
                "2023-06-30",
                "June 30, 2023",
                "June 30 2023",
                "June 30th, 2023",
                "June 30th 2023",
                "30 June 2023",
                "30th June 2023",
                "30th of June 2023",
                "30.06.2023",
                "06/30/2023",
            ),
            reject=["2025-06-30", "2021-01-31"],
            evidence=["| 3.0.0   | 2020-07-07   | 2023-06-30      |"],
            again=lambda t: cell(t, "Version", "3.0.0", "End Of LTS Date"),
        ),
        dict(
            id="f-log-closing",
            where="table",
            question="I have turned request logging off with disableRequestLogging, but one "
            "method of the LogController writes its log line all the same. Which one?",
            expect=one_of("serviceUnavailable"),
            reject=[],
            evidence=[
                "| `serviceUnavailable` | `(logger, server)` | Logs a 503 when the server is "
                "closing. Always emitted, not gated by `disableRequestLogging`. |"
            ],
            again=lambda t: only(
                r["Method"]
                for r in rows(t)
                if "Method" in r and "always" in r["Description"].lower()
            ),
        ),
        dict(
            id="f-request-id",
            where="sentence",
            question="If I just set requestIdHeader to true, which header does Fastify take "
            "the request id from?",
            expect=one_of("request-id"),
            reject=["x-request-id", "x-custom-id"],
            evidence=[
                "Setting `requestIdHeader` to `true` will set the `requestIdHeader` to\n"
                '`"request-id"`.'
            ],
            again=lambda t: after(section(t, "`requestIdHeader`"), "to `true` will set", r'"([^"]+)"'),
        ),
        dict(
            id="f-param-length",
            where="sentence",
            question="How many characters long may a URL parameter of a route be if I leave "
            "the settings alone?",
            expect={"kind": "number", "value": 100},
            reject=[],
            evidence=[
                "multi) routes by using `maxParamLength` option; the default value is 100"
            ],
            again=lambda t: after(section(t, "`maxParamLength`"), "Default", r"`(\d+)`"),
        ),
        dict(
            id="f-websocket",
            where="sentence",
            question="Open WebSocket connections keep my server from shutting down. In which "
            "hook should I close them?",
            expect=one_of("preClose"),
            reject=[],
            evidence=["> explicitly in a [`preClose`](./Hooks.md#pre-close) hook."],
            again=lambda t: after(section(t, "close"), "WebSocket", r"\[`(\w+)`\]"),
        ),
        dict(
            id="f-reply-serializer",
            where="sentence",
            question="For which response status codes is the function that I give to "
            "setReplySerializer called?",
            expect=one_of(
                "2xx", "200-299", "200–299", "200 to 299", "between 200 and 299"
            ),
            reject=[],
            evidence=["Note: the function parameter is called only for status `2xx`."],
            again=lambda t: after(section(t, "setReplySerializer"), "only for", r"`(\w+)`"),
        ),
        dict(
            id="f-onresponse-error",
            where="list",
            question="setErrorHandler does not see the errors thrown in my onResponse hook. "
            "Which hook should I use instead?",
            expect=one_of("onSend"),
            reject=[],
            evidence=["sent to the client. Use the `onSend` hook instead."],
            again=lambda t: after(
                section(t, "setErrorHandler"), "thrown in an `onResponse`", r"Use the `(\w+)`"
            ),
        ),
        dict(
            id="f-other-logger",
            where="sentence",
            question="Which logging option has no effect when I use a logger that is not Pino?",
            expect=one_of("serializers", "serializer"),
            reject=[],
            evidence=["*Any logger other than Pino will ignore the `serializers` option.*"],
            again=lambda t: after(section(t, "Serializers"), "other than Pino", r"`(\w+)`"),
        ),
        dict(
            id="f-media-type",
            where="sentence",
            question="Which error do I get when a request arrives with a content type that "
            "Fastify has no parser for?",
            expect=one_of("FST_ERR_CTP_INVALID_MEDIA_TYPE"),
            reject=["FST_ERR_CTP_BODY_TOO_LARGE"],
            evidence=[
                "Unsupported content types will throw an `FST_ERR_CTP_INVALID_MEDIA_TYPE` error."
            ],
            again=lambda t: after(section(t, "`Content-Type` Parser"), "will throw", r"`(\w+)`"),
        ),
        dict(
            id="f-warn-async",
            where="table",
            question="Which warning code tells me that one of my plugins uses async and a "
            "callback at the same time?",
            expect=one_of("FSTWRN003"),
            reject=["FSTWRN001", "FSTWRN004"],
            evidence=[
                '| <a id="FSTWRN003">FSTWRN003</a> | The `%s` plugin mixes async and callback '
                "styles, which may lead to unhandled rejections."
            ],
            again=lambda t: only(
                re.sub(r"<[^>]+>", "", r["Code"])
                for r in rows(t)
                if "How to solve" in r and "callback" in r["How to solve"]
            ),
        ),
    ],
    "semantic-release-docs.md": [
        dict(
            id="s-npm-2fa",
            where="table",
            question="Which level of npm's two-factor authentication can I use with the "
            "NPM_TOKEN?",
            expect=one_of("auth-only", "auth only", "authonly"),
            reject=["auth-and-writes"],
            evidence=["**Note**: Only the `auth-only` [level of npm two-factor authentication]"],
            again=lambda t: re.search(
                r"Only the `([^`]+)`", cell(t, "Variable", "`NPM_TOKEN`", "Description")
            ).group(1),
        ),
        dict(
            id="s-dry-run",
            where="sentence",
            question="Which steps are left out in a dry run?",
            expect={
                "kind": "names",
                "names": ["prepare", "publish", "addChannel", "success", "fail"],
            },
            reject=["analyzeCommits", "generateNotes"],
            evidence=[
                "Dry-run mode skips the following steps: prepare, publish, addChannel, success "
                "and fail."
            ],
            again=lambda t: re.split(
                r", | and ", after(section(t, "dryRun"), "skips the", r"steps: ([^.]+)\.")
            ),
        ),
        dict(
            id="s-release-branches",
            where="sentence",
            question="How many release branches can I have at most?",
            expect=one_of("3", "three"),
            reject=[],
            evidence=[
                "A project must define a minimum of 1 release branch and can have a maximum of 3."
            ],
            again=lambda t: after(section(t, "Release branches"), "can have a", r"(\d+)"),
        ),
        dict(
            id="s-maintenance-merge",
            where="sentence",
            question="What error does it throw when I merge a version into a maintenance "
            "branch whose range it does not fit?",
            expect=one_of("EINVALIDMAINTENANCEMERGE"),
            reject=["EINVALIDNEXTVERSION", "ERELEASEBRANCHES"],
            evidence=[
                "will not add to the corresponding channel and will throw an "
                "`EINVALIDMAINTENANCEMERGE` error."
            ],
            again=lambda t: after(
                section(t, "Maintenance branches"), "merged version is outside", r"`(E[A-Z]+)`"
            ),
        ),
        dict(
            id="s-plugin-name",
            where="table",
            question="I call it from JavaScript and get the list of releases back. In which "
            "property of a release do I find the plugin that published it?",
            expect=one_of("pluginName"),
            reject=[],
            evidence=[
                "| pluginName | `String` | The name of the plugin that published the release."
            ],
            again=lambda t: only(
                r["Name"]
                for r in rows(t)
                if "Name" in r and "name of the plugin" in r["Description"]
            ),
        ),
        dict(
            id="s-error-type",
            where="sentence",
            question="Of which type do the errors of my own plugin have to be, so that they "
            "are passed on to plugins with a fail step?",
            expect=one_of("SemanticReleaseError"),
            reject=["AggregateError"],
            evidence=[
                "must be of type [SemanticReleaseError](https://github.com/semantic-release/error)"
            ],
            again=lambda t: after(section(t, "Handling errors"), "of type", r"\[(\w+)\]"),
        ),
        dict(
            id="s-circle-orb",
            where="code",
            question="Which version of the CircleCI node orb does the sample configuration "
            "import?",
            expect=one_of("5.0.0"),
            reject=["16.1.0", "14.17.0"],
            evidence=["  node: circleci/node@5.0.0"],
            again=lambda t: only(
                line.split("@")[1] for line in code_lines(t) if "circleci/node@" in line
            ),
        ),
        dict(
            id="s-circle-iv",
            where="list",
            question="To give Circle CI my encrypted SSH key: as which environment variable do "
            "I store the iv that openssl printed?",
            expect=one_of("REPO_ENC_IV"),
            reject=[],
            evidence=["- `REPO_ENC_IV` - the `iv` (VVV) value from the `openssl` step above."],
            again=lambda t: only(
                m.lstrip("$") for line in code_lines(t) for m in re.findall(r"-iv (\$REPO\w+)", line)
            ),
        ),
        dict(
            id="s-skip-commit",
            where="sentence",
            question="What do I have to write in a commit message so that the commit is not "
            "taken into account for the release?",
            expect=one_of("[skip release]", "[release skip]"),
            reject=["[skip ci]"],
            evidence=[
                "every commits that contains `[skip release]` or `[release skip]` in their message"
            ],
            again=lambda t: after(
                section(t, "Can I exclude commits from the analysis?"), "contains", r"`([^`]+)`"
            ),
        ),
        dict(
            id="s-git-version",
            where="sentence",
            question="What is the oldest Git version I can run it with?",
            expect=one_of("2.7.1"),
            reject=["2.7.0"],
            evidence=["are only available in Git version 2.7.1 and higher."],
            again=lambda t: after(
                section(t, "Git version requirement"), "only available", r"(\d+\.\d+\.\d+)"
            ),
        ),
    ],
}

# ---------------------------------------------------------------- reading again


def in_code(text):
    """Yield (line, True where the line stands in a fenced block)."""
    fence = None
    for line in text.split("\n"):
        bare = line.lstrip("> ").strip()
        if fence is None and bare.startswith("```"):
            fence = "```"
            yield line, True
        elif fence and bare == fence:
            fence = None
            yield line, True
        else:
            yield line, fence is not None


def code_lines(text):
    return [line for line, code in in_code(text) if code]


def section(text, title):
    """The body below the one heading with this title, down to a heading not deeper."""
    found, level, body = 0, None, []
    for line, code in in_code(text):
        head = None if code else re.match(r"(#+) +(.*?)\s*$", line)
        if head and level is not None and len(head.group(1)) <= level:
            level = None
        if head and head.group(2) == title:
            found, level = found + 1, len(head.group(1))
        elif level is not None:
            body.append(line)
    assert found == 1, (title, found)
    return "\n".join(body)


def after(text, anchor, pattern):
    """The first match of the pattern behind the one place where the anchor stands."""
    text = re.sub(r"\s*\n[>\s]*", " ", text)
    assert text.count(anchor) >= 1, anchor
    return re.search(pattern, text[text.index(anchor) + len(anchor):]).group(1)


def rows(text):
    """All rows of all pipe tables, each as {column: cell}."""
    head, out = None, []
    for line, code in in_code(text):
        if code or not line.startswith("|"):
            head = None
            continue
        line = line.rstrip()
        cells = [
            c.strip().strip("`") if head is None else c.strip()
            for c in re.split(r"(?<!\\)\|", line.strip("|"))
        ]
        if head is None:
            head = cells
        elif not all(re.fullmatch(r":?-+:?", c) for c in cells):
            row = dict(zip(head, cells))
            out.append({k: v for k, v in row.items()})
    return out


def cell(text, key, value, column):
    return only(r[column] for r in rows(text) if r.get(key) == value and column in r)


def only(values):
    values = list(dict.fromkeys(values))
    assert len(values) == 1, values
    return values[0].strip("`")


# ---------------------------------------------------------------- writing


def fetch(source, scratch):
    """`npm pack` the exact version, check the digest, return {path: bytes}."""
    name = subprocess.run(
        ["npm", "pack", "--silent", source["package"]],
        cwd=scratch, check=True, capture_output=True, text=True,
    ).stdout.split()[-1]
    packed = (Path(scratch) / name).read_bytes()
    digest = hashlib.sha512(packed).hexdigest()
    assert digest == source["sha512"], (source["package"], digest)
    files = {}
    with tarfile.open(Path(scratch) / name) as tar:
        for part in source["parts"]:
            files[part] = tar.extractfile("package/" + part).read()
    return files


def blake3_of(data, scratch):
    try:
        import blake3
    except ImportError:
        place = str(Path(scratch) / "python")
        subprocess.run(
            [sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check",
             "--root-user-action=ignore", "--target", place, "blake3"],
            check=True,
        )
        sys.path.insert(0, place)
        import blake3
    return blake3.blake3(data).hexdigest()


def toml(value):
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{k} = {toml(v)}" for k, v in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(toml(v) for v in value) + "]"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    return str(value)


def write(folder):
    folder = Path(folder)
    data = folder / "data" / f"{SET}-{VERSION}"
    if data.exists():
        shutil.rmtree(data)
    data.mkdir(parents=True)
    lines = [f"about = {toml(ABOUT)}", "seed = 1"]
    scratch = tempfile.mkdtemp(prefix=".fetch-", dir=folder)
    try:
        for source in SOURCES:
            files = fetch(source, scratch)
            text = b"\n".join(
                files[part].replace(b"\r\n", b"\n").rstrip(b"\n") + b"\n"
                for part in source["parts"]
            )
            name = source["file"]
            (data / name).write_bytes(text)
            lines += [
                "",
                "[[document]]",
                f"from = {toml(f'{SET}-{VERSION}/{name}')}",
                f"file = {toml(name)}",
                f"hash = {toml(blake3_of(text, scratch))}",
            ]
            for ask in ASKS[name]:
                lines += [
                    "",
                    "[[document.ask]]",
                    f"id = {toml(ask['id'])}",
                    'family = "document"',
                    f"question = {toml(ask['question'])}",
                    f"expect = {toml(ask['expect'])}",
                ]
                if ask["reject"]:
                    lines.append(f"reject = {toml(ask['reject'])}")
                lines.append(f"evidence = {toml(ask['evidence'])}")
        (folder / f"{SET}.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")
        check(folder, scratch)
    finally:
        shutil.rmtree(scratch)


def check(folder, scratch):
    """Read what was written and find every answer a second time."""
    book = tomllib.loads((folder / f"{SET}.toml").read_text(encoding="utf-8"))
    ids = [a["id"] for d in book["document"] for a in d["ask"]]
    assert len(ids) == len(set(ids)) == 20, ids
    for document in book["document"]:
        raw = (folder / "data" / document["from"]).read_bytes()
        text = raw.decode("utf-8")
        assert 100_000 <= len(raw) <= 125_000, len(raw)
        assert blake3_of(raw, scratch) == document["hash"]
        assert re.search(r"^## ", text, re.M) and re.search(r"^[-+*] ", text, re.M)
        assert rows(text) and code_lines(text)
        again = {a["id"]: a for a in ASKS[document["file"]]}
        assert len(document["ask"]) == 10
        spread, kinds = [], {}
        for ask in document["ask"]:
            for piece in ask["evidence"]:
                assert text.count(piece) == 1, (ask["id"], text.count(piece))
            spread.append(text.index(ask["evidence"][0]) * 100 // len(text))
            where = again[ask["id"]]["where"]
            kinds[where] = kinds.get(where, 0) + 1
            got, expect = again[ask["id"]]["again"](text), ask["expect"]
            if expect["kind"] == "number":
                assert float(got) == expect["value"], (ask["id"], got)
            elif expect["kind"] == "names":
                assert sorted(got) == sorted(expect["names"]), (ask["id"], got)
            else:
                assert got in expect["any"], (ask["id"], got)
            squeeze = lambda s: re.sub(r"\s+", "", s).lower()
            held = squeeze(" ".join(ask["evidence"]))
            wanted = {"one_of": expect.get("any"), "names": expect.get("names"),
                      "number": [str(expect.get("value"))]}[expect["kind"]]
            ok = [squeeze(w) in held for w in wanted]
            assert all(ok) if expect["kind"] == "names" else any(ok), ask["id"]
            for wrong in ask.get("reject", []):
                assert squeeze(wrong) not in held, (ask["id"], wrong)
        assert spread == sorted(spread), spread
        print(document["file"], len(raw), "bytes;", kinds, "; at % of the text:", spread)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    write(sys.argv[1])
