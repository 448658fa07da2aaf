# Sourced by every script: where builds go and which CPU instructions the engine is compiled for.
# One target folder per instruction level, outside the clone, so that a second clone compiles
# nothing again and a machine without AVX-512 never runs code that was built for it.

rlm_cache=${RLM_CACHE_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/rlm}

rlm_cpu_level() {
  local flags
  flags=$(grep -m1 -E '^flags' /proc/cpuinfo 2>/dev/null || true)
  has() { [[ " $flags " == *" $1 "* ]]; }
  if has avx512f && has avx512bw && has avx512cd && has avx512dq && has avx512vl; then
    if has avx512_vnni; then echo v4-vnni; else echo v4; fi
  elif has avx2 && has fma && has f16c && has bmi2; then echo v3
  elif has avx; then echo v2-avx
  else echo v2; fi
}

case $(uname -m) in
  x86_64) rlm_level=$(rlm_cpu_level) ;;
  *) rlm_level=$(uname -m) ;;
esac
case $rlm_level in
  v4-vnni) export GGML_AVX512=ON GGML_AVX512_VNNI=ON GGML_AVX512_VBMI=OFF ;;
  v4) export GGML_AVX512=ON ;;
  v2-avx) export GGML_AVX2=OFF GGML_FMA=OFF GGML_F16C=OFF GGML_BMI2=OFF ;;
  v2) export GGML_AVX=OFF GGML_AVX2=OFF GGML_FMA=OFF GGML_F16C=OFF GGML_BMI2=OFF ;;
esac
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$rlm_cache/target-$rlm_level}

# The toolchain that the repository pins; where it goes by another name here (`stable`, say), that
# one, so that nothing is fetched.
rlm_toolchain() {
  local pinned name
  pinned=$(sed -n 's/^channel = "\(.*\)"/\1/p' rust-toolchain.toml)
  export RUSTUP_AUTO_INSTALL=${RUSTUP_AUTO_INSTALL:-1}
  command -v rustup >/dev/null || return 0
  RUSTUP_AUTO_INSTALL=0 rustup run "$pinned" rustc --version >/dev/null 2>&1 && return 0
  for name in $(rustup toolchain list 2>/dev/null | awk '{print $1}'); do
    if RUSTUP_AUTO_INSTALL=0 rustup run "$name" rustc --version 2>/dev/null |
      grep -q "^rustc $pinned "; then
      export RUSTUP_TOOLCHAIN=$name
      return 0
    fi
  done
}
[[ -n ${RUSTUP_TOOLCHAIN:-} || ! -f rust-toolchain.toml ]] || rlm_toolchain
