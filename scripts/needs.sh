# Sourced by the other scripts: checks for what they need, installs what is missing from Debian's packages, and says so.

say() { printf '==> %s\n' "$*"; }

install_for() { # what package
    local sudo=""
    [ "$(id -u)" -eq 0 ] || sudo="sudo"
    if ! command -v apt-get >/dev/null 2>&1; then
        say "$1 is missing and there is no apt-get to install it with; install it (Debian's package is called $2) and run this again"
        exit 1
    fi
    if [ -z "${APT_UPDATED:-}" ]; then
        say "updating the package lists"
        $sudo apt-get update -qq
        APT_UPDATED=1
    fi
    say "$1: missing, installing Debian's package $2"
    # The tool is wanted, not the service that some packages start with it.
    local policy=/usr/sbin/policy-rc.d made="" failed=0
    if [ ! -e "$policy" ]; then
        printf '#!/bin/sh\nexit 101\n' | $sudo tee "$policy" >/dev/null
        $sudo chmod 755 "$policy"
        made=yes
    fi
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$2" >/dev/null || failed=$?
    [ -z "$made" ] || $sudo rm -f "$policy"
    return "$failed"
}

# The given command exists, or the given Debian package is installed now.
need() { # command package
    if command -v "$1" >/dev/null 2>&1; then
        say "$1: here ($(command -v "$1"))"
        return
    fi
    install_for "$1" "$2"
    hash -r
    command -v "$1" >/dev/null 2>&1 || { say "$1 is still missing after installing $2"; exit 1; }
}

# The given file exists, or the given Debian package is installed now: for what is no command, as fonts.
need_file() { # file package
    if [ -e "$1" ]; then
        say "$2: here ($1)"
        return
    fi
    install_for "$1" "$2"
    [ -e "$1" ] || { say "$1 is still missing after installing $2"; exit 1; }
}

need_cargo() {
    [ -f "$HOME/.cargo/env" ] && . "$HOME/.cargo/env"
    if ! command -v cargo >/dev/null 2>&1; then
        say "cargo is missing; install Rust from https://rustup.rs and run this again"
        exit 1
    fi
    say "cargo: here ($(cargo --version))"
}
