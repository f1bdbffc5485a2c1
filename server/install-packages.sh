# Sourced by server/run, tests/run and tests/bench/run: install_packages GROUP... installs what is missing of Debian's
# packages, without questions, and says what it installs.

packages_build="g++ cmake ninja-build pkg-config libcpp-httplib-dev libsqlitecpp-dev libsqlite3-dev
  nlohmann-json3-dev libpugixml-dev libdeflate-dev zlib1g-dev libcli11-dev libspdlog-dev libexpected-dev
  libssl-dev libbrotli-dev libgtest-dev libgmock-dev dpkg-dev file"
packages_test="ccache clang-14 clang-tidy-14 clang-format-14 libclang-rt-14-dev curl jq sqlite3 libevtx-utils
  python3 python3-evtx python3-yaml python3-jsonschema default-jre-headless valgrind openssl strace nftables iproute2
  systemd groff-base libbpf-dev slowhttptest hey sqlmap zzuf chromium"
# A clean Debian to install the package in.
packages_install="debootstrap systemd-container"
# The Windows program: a compiler, what the libraries' sources are made ready with, and Wine to run its tests.
packages_windows="g++-mingw-w64-x86-64-posix dpkg-dev make python3 tcl wine64"
packages_bench="python3 libevtx-utils python3-evtx sqlite3 jq nginx-light wrk valgrind"

install_packages() {
  local wanted="" missing="" name group
  for group in "$@"; do
    local list="packages_$group"
    wanted="$wanted ${!list}"
  done
  # The docs page is fetched from npm; any Node.js from 18 on will do.
  command -v node >/dev/null && command -v npm >/dev/null || wanted="$wanted nodejs npm"
  for name in $wanted; do
    dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null | grep -qx installed || missing="$missing $name"
  done
  [ -n "$missing" ] || return 0
  echo "Installing:$missing"
  local as_root=""
  if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || { echo "Run this as root once, or install sudo: packages are missing" >&2; return 1; }
    as_root="sudo"
  fi
  $as_root apt-get update -qq
  # shellcheck disable=SC2086 # a list of names
  $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
}
