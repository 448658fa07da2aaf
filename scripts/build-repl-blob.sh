#!/usr/bin/env bash
# Builds rlm/repl/blob/repl.wasm.xz: CPython 3.14 as a WASI component with a loader and the standard
# library imported beforehand. Run it only when blob/source/ or the version below changes: snapshots
# and compile caches of older blobs are worthless afterwards. Needs python3 with venv, xz, network.
set -euo pipefail

version=0.25.1 # componentize-py, the one pinned input; it brings its CPython along
root=$(cd "$(dirname "$0")/.." && pwd)
blob=$root/rlm/repl/blob
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check "componentize-py==$version"

cp "$blob/source/app.py" "$blob/source/repl.wit" "$work/"
cd "$work"
# Not --stub-wasi: with it a late `import` or any `stat` traps instead of failing like a Python call.
"$work/venv/bin/componentize-py" -d repl.wit -w repl componentize app -o repl.wasm
xz -9e -T1 --check=crc32 --stdout repl.wasm >repl.wasm.xz

cp repl.wasm.xz "$blob/repl.wasm.xz"
sha256sum repl.wasm repl.wasm.xz >"$blob/SHA256SUMS"
cat "$blob/SHA256SUMS"
if command -v b3sum >/dev/null; then b3sum repl.wasm repl.wasm.xz; fi
ls -l "$blob/repl.wasm.xz" repl.wasm
