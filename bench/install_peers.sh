#!/bin/sh
# Installs the peers that the benchmark measures against: slapd, Debian's PostgreSQL with pg_trgm, and a C compiler for
# the load generator. Does what it can and never fails: a part whose peer is missing says so.
set -u
if command -v slapd >/dev/null 2>&1 && ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 && command -v cc >/dev/null 2>&1; then
    exit 0
fi
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
    echo "slapd, postgresql or cc is missing and only root can install them"
    exit 0
fi
echo "Installing slapd, postgresql and gcc …"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq >/dev/null 2>&1
apt-get install -y -qq slapd postgresql gcc libc6-dev >/dev/null 2>&1 || echo "they could not be installed"
exit 0
