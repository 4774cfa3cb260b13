#!/bin/sh
# Installs the real LDAP clients that tests talk through: ldap-utils from the system, python-ldap into the virtual
# environment. Does what it can and never fails: a test whose client is missing says so and is skipped.
set -u
cd "$(dirname "$0")/.." || exit 0

if ! command -v ldapsearch >/dev/null 2>&1 || ! [ -e /usr/include/ldap.h ] || ! [ -e /usr/include/sasl/sasl.h ]; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
        echo "Installing ldap-utils and the headers of libldap …"
        export DEBIAN_FRONTEND=noninteractive
        packages="ldap-utils libldap2-dev libsasl2-dev gcc"
        # shellcheck disable=SC2086
        apt-get install -y -qq $packages >/dev/null 2>&1 ||
            { apt-get update -qq >/dev/null 2>&1 && apt-get install -y -qq $packages >/dev/null 2>&1; } ||
            echo "ldap-utils could not be installed; tests that use it will be skipped"
    else
        echo "ldapsearch is missing and only root can install it; tests that use it will be skipped"
    fi
fi

if ! .venv/bin/python -c 'import ldap' >/dev/null 2>&1; then
    .venv/bin/python -m pip --disable-pip-version-check install --quiet --require-hashes --no-deps \
        --no-build-isolation -r tests/requirements-clients.lock ||
        echo "python-ldap could not be built; tests that use it will be skipped"
fi
exit 0
