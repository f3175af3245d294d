#!/bin/sh
# Installs the Debian packages that are missing for a task: build (and run), test, check, fuzz, leaks,
# bench or abuse.
#
#   tools/deps.sh build test
#
# It asks the package system only when something is missing, so that it costs nothing afterwards.
set -eu

build="gcc make pkg-config libfcgi-dev libjansson-dev libcurl4-openssl-dev libsqlite3-dev libssl-dev
       zlib1g-dev libbrotli-dev libzstd-dev libsnappy-dev liblz4-dev lighttpd
       curl"
test="bats jq git sqlite3 iproute2 procps libxml2-utils strace nftables"
check="clang clang-format clang-tidy cppcheck"
fuzz="clang libclang-rt-14-dev"
leaks="valgrind"
bench="wrk jq sqlite3 procps python3-fastapi valgrind"
abuse="nftables slowhttptest iproute2 jq sqlite3"

missing=
for task in "$@"; do
    eval "packages=\$$task"
    for package in $packages; do
        # A command that is there, from wherever, will do for a package of the same name.
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' ||
            command -v "$package" >/dev/null 2>&1 || missing="$missing $package"
    done
done
[ -n "$missing" ] || exit 0

echo "installing:$missing" >&2
if [ "$(id -u)" = 0 ]; then
    sudo=
elif command -v sudo >/dev/null 2>&1; then
    sudo=sudo
else
    echo "Neither root nor sudo: as root, run  apt-get install$missing" >&2
    exit 111
fi
if ! command -v apt-get >/dev/null 2>&1; then
    echo "No apt-get here: install these Debian packages, or what is like them:$missing" >&2
    exit 111
fi
DEBIAN_FRONTEND=noninteractive
export DEBIAN_FRONTEND
$sudo apt-get update -qq >/dev/null || true
# lighttpd's package starts a server of its own; this project runs its own instance instead.
had_lighttpd=$(command -v lighttpd || ls /usr/sbin/lighttpd 2>/dev/null || true)
# shellcheck disable=SC2086
$sudo apt-get install -y -qq --no-install-recommends $missing >/dev/null || {
    echo "apt-get could not install:$missing" >&2
    exit 111
}
if [ -z "$had_lighttpd" ] && [ -d /run/systemd/system ]; then
    $sudo systemctl disable --now lighttpd >/dev/null 2>&1 || true
fi
