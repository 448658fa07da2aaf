# Sourced by the two commands of the README, after env.sh: makes sure that the machine has what the
# build needs, installing Debian or Ubuntu packages where something is missing. Asks nothing; says
# what it installs and why. A machine that has everything passes in well under a second.

say() { printf '\033[1m==>\033[0m %s\n' "$*" >&2; }
die() { printf 'error: %s\n' "$*" >&2; exit 1; }

rlm_missing=()
rlm_need() { rlm_missing+=("$1"); say "missing: $2 (package $1)"; }

# Bindgen loads libclang and reads the compiler's own headers of the same version (libclang-cpp is
# another library). $1: where the file system begins.
rlm_libclang_present() {
  local lib
  for lib in "${1:-}"/usr/lib/llvm-*/lib "${1:-}"/usr/local/lib; do
    compgen -G "$lib/libclang.so*" || compgen -G "$lib/libclang-[0-9]*.so*" || continue
    compgen -G "$lib/clang/*/include/stddef.h" && return 0
  done >/dev/null
  # Elsewhere than on Debian and Ubuntu the two lie apart, and come together.
  command -v apt-get >/dev/null && return 1
  ldconfig -p 2>/dev/null | grep 'libclang[-.0-9]*\.so' >/dev/null
}

rlm_apt() {
  local as_root=()
  if [[ $EUID -ne 0 ]]; then
    command -v sudo >/dev/null || die "packages must be installed as root: run 'apt-get install ${rlm_missing[*]}' and try again"
    as_root=(sudo)
  fi
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive "$@"
}

rlm_install_missing() {
  [[ ${#rlm_missing[@]} -gt 0 ]] || return 0
  command -v apt-get >/dev/null ||
    die "this is neither Debian nor Ubuntu: install ${rlm_missing[*]} with your package manager, then run this again"
  say "fetching the package lists"
  rlm_apt apt-get update -qq
  local packages=() name clang
  for name in "${rlm_missing[@]}"; do
    if [[ $name == libclang ]]; then
      # The library (30 MB) and its headers, not the compiler: bindgen needs nothing else.
      clang=$(apt-cache depends libclang-dev 2>/dev/null | grep -oE 'libclang-[0-9]+-dev' | grep -oE '[0-9]+' | head -n 1)
      [[ -n $clang ]] || die "apt knows no libclang: install libclang by hand, then run this again"
      packages+=("libclang1-$clang" "libclang-common-$clang-dev")
    else
      packages+=("$name")
    fi
  done
  say "installing ${packages[*]}"
  rlm_apt apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null
}

# Gigabytes: what a first build, all tests and the default model write; the size at which a target
# folder holds mostly what older profiles and lock files left (cargo deletes none of it).
rlm_room_needed=20
rlm_room_stale=26

# A full disk ends a build with a linker's bus error: say so before, and first give up our own stale
# files. A folder is measured only where space is short, because that takes seconds.
rlm_room() {
  local free used
  mkdir -p "$CARGO_TARGET_DIR"
  free=$(($(df -Pk "$CARGO_TARGET_DIR" | awk 'END { print $4 }') / 1000000))
  [[ $free -lt $rlm_room_needed ]] || return 0
  used=$(($(du -sk "$CARGO_TARGET_DIR" | cut -f 1) / 1000000))
  if [[ $used -ge $rlm_room_stale ]]; then
    say "$free GB are free and $CARGO_TARGET_DIR holds $used GB, most of it from older builds: deleting it and building anew"
    rm -rf "${CARGO_TARGET_DIR:?}/debug" "${CARGO_TARGET_DIR:?}/release"
  elif [[ $((free + used)) -lt $rlm_room_needed ]]; then
    die "$free GB are free at $CARGO_TARGET_DIR, a first build with all tests needs $rlm_room_needed GB: free some, or set RLM_CACHE_DIR to a folder on a larger disk"
  fi
}

rlm_setup() {
  command -v cargo >/dev/null ||
    die "no Rust toolchain: install one from rustup.rs (it fetches the pinned version by itself), then run this again"
  command -v g++ >/dev/null || rlm_need g++ "a C++ compiler, which builds the model engine"
  command -v make >/dev/null || rlm_need make "make, which runs the engine's build"
  command -v cmake >/dev/null || rlm_need cmake "cmake, which configures the engine's build"
  rlm_libclang_present || rlm_need libclang "libclang with its headers, which reads the engine's C headers"
  python3 -m pip --version >/dev/null 2>&1 ||
    rlm_need python3-pip "pip, which fetches a model when the model hub cannot be reached"
  rlm_install_missing
  rlm_room
}

# Whether nothing was ever compiled into the target folder.
rlm_first_build() { ! compgen -G "$CARGO_TARGET_DIR/*/.fingerprint" >/dev/null; }

# How many crates cargo's arguments are about: nothing where that is not known, because crates are
# still to be fetched or only some are asked for.
rlm_crates() {
  local edges=normal,build
  [[ " $* " == *" --workspace "* ]] || return 0
  [[ $1 != test ]] || edges=normal,build,dev
  cargo tree --offline --workspace --edges "$edges" --prefix none --no-dedupe 2>/dev/null |
    sort -u | wc -l
}

# Says how far a build is. $1: its seconds; $2: crates that cargo has begun; $3: how many there are,
# or nothing.
rlm_progress() {
  local begun="$2 crates begun" time="$(($1 % 60)) s"
  [[ -z $3 ]] || begun="$2 of about $3 crates begun"
  [[ $1 -lt 60 ]] || time="$(($1 / 60)) min $time"
  echo "    ... $begun, $time"
}

# Builds with cargo's own output; off a terminal adds a line every 30 s, because one crate (the
# model engine, C++) compiles for minutes without a word. Only a first build compiles every crate:
# a later one is told without their number.
rlm_cargo() {
  if [[ -t 2 ]]; then
    cargo "$@"
    return
  fi
  local log heartbeat all="" first="" status=0
  if rlm_first_build; then first=yes; fi
  log=$(mktemp)
  (
    started=$SECONDS
    while sleep 30; do
      [[ -z $first || -n $all ]] || all=$(rlm_crates "$@") || all=""
      rlm_progress "$((SECONDS - started))" "$(grep -c '^ *Compiling' "$log")" "$all" >&2
    done
  ) &
  heartbeat=$!
  cargo "$@" 2> >(tee "$log" >&2) || status=$?
  kill "$heartbeat" 2>/dev/null
  wait "$heartbeat" 2>/dev/null || true
  rm -f "$log"
  return "$status"
}
