# Sourced by the scripts that install what tests need.
# shellcheck shell=bash

uv=uv==0.13.9

# Names the component that is installed, its directory in the tests' cache, and its log.
set_component() {
  component=$1
  cache=$(realpath -m "${COLLECTOR_TEST_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/collector}/$component")
  log=$cache/${2-setup.log}
}

say() { echo "$component: $*" >&2; }
quietly() { "$@" >>"$log" 2>&1; }
stamped() { [ "$(cat "$cache/$1.stamp" 2>/dev/null)" = "$2" ]; }
stamp() { echo "$2" >"$cache/$1.stamp"; }

# One setup of a component at a time.
open_cache() {
  mkdir -p "$cache"
  exec 9>"$cache/lock"
  flock 9
  trap '[ $? = 0 ] || say "failed: see $log"' EXIT
}

# Debian packages, of which those that are there cost nothing.
install_packages() {
  local missing
  mapfile -t missing < <(comm -23 <(printf '%s\n' "$@" | sort -u) <(
    dpkg-query -W -f '${db:Status-Status} ${Package}\n' "$@" 2>/dev/null | sed -n 's/^installed //p' | sort -u))
  [ ${#missing[@]} != 0 ] || return 0
  if [ "$(id -u)" != 0 ]; then say "not root, so not installed: ${missing[*]}"; return 0; fi
  # The policy is the machine's, so one at a time.
  (
    flock 8
    # Nothing that is installed may start by itself: an SSH server would take port 22 of the guests' addresses too.
    policy=/usr/sbin/policy-rc.d
    if [ ! -e "$policy" ]; then
      trap 'rm -f "$policy"' EXIT
      printf '#!/bin/sh\nexit 101\n' >"$policy"
      chmod 755 "$policy"
    fi
    export DEBIAN_FRONTEND=noninteractive
    quietly apt-get -q update
    quietly apt-get -qy --no-install-recommends install "${missing[@]}"
  ) 8</var/cache/apt
}

# A virtual environment with what a file of requirements pins.
make_venv() {
  local requirements=$1
  # Debian has it in a package of its own.
  python3 -c 'import ensurepip' 2>/dev/null || install_packages python3-venv
  rm -rf "$cache/venv"
  local installer=(uv)
  if command -v uv >/dev/null; then
    quietly python3 -m venv --without-pip "$cache/venv"
  else
    quietly python3 -m venv "$cache/venv"
    quietly "$cache/venv/bin/pip" install "$uv" # takes 2 s and saves 20
    installer=("$cache/venv/bin/uv")
  fi
  quietly "${installer[@]}" pip install --python "$cache/venv/bin/python" --compile-bytecode -r "$requirements"
}

# Debian's archive as this machine reaches it, if it has any.
debian_mirror() {
  apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Label: Debian' 2>/dev/null | head -n 1
}
