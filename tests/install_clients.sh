#!/bin/sh
# Installs the real clients that tests talk through: ldap-utils and Chromium from the system, python-ldap into the virtual
# environment, Postfix and Exim unpacked below it. Does what it can and never fails: a test whose client is missing says
# so and is skipped.
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

if ! command -v gnutls-cli >/dev/null 2>&1 || ! command -v openssl >/dev/null 2>&1; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
        echo "Installing the TLS clients of GnuTLS and OpenSSL …"
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq gnutls-bin openssl >/dev/null 2>&1 ||
            echo "gnutls-cli or openssl could not be installed; tests that use them will be skipped"
    fi
fi

if ! command -v chromium >/dev/null 2>&1; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
        echo "Installing Chromium …"
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium >/dev/null 2>&1 ||
            echo "Chromium could not be installed; tests of the pages in a browser will be skipped"
    else
        echo "chromium is missing and only root can install it; tests of the pages in a browser will be skipped"
    fi
fi

if ! .venv/bin/python -c 'import ldap' >/dev/null 2>&1; then
    .venv/bin/python -m pip --disable-pip-version-check install --quiet --require-hashes --no-deps \
        --no-build-isolation -r tests/requirements-clients.lock ||
        echo "python-ldap could not be built; tests that use it will be skipped"
fi

# Mail servers are unpacked and not installed: Debian allows one of them per machine and starts it, and a test must
# neither replace the machine's own nor run one. Their lookup programs need no more than their files.
MAIL_SERVERS="postfix-ldap exim4-daemon-heavy libnss-wrapper"

wanted() {
    echo postfix
    for package in $MAIL_SERVERS; do
        echo "$package"
        # The libraries that this machine has not got.
        apt-get install --simulate --no-install-recommends "$package" 2>/dev/null | awk '/^Inst/ {print $2}'
    done
}

unpack() {
    folder=$(mktemp -d) || return 1
    here=$PWD
    chmod 755 "$folder"
    if (cd "$folder" && wanted | sort -u | xargs apt-get download) >/dev/null 2>&1; then
        rm -rf .venv/clients.partial
        for package in "$folder"/*.deb; do
            dpkg-deb --extract "$package" "$here/.venv/clients.partial" || break
        done
        rm -rf "$folder"
        # No program of a test runs with anybody else's rights.
        chmod -R u-s,g-s .venv/clients.partial && mv .venv/clients.partial .venv/clients
        return
    fi
    rm -rf "$folder"
    return 1
}

if ! [ -d .venv/clients ]; then
    if command -v apt-get >/dev/null 2>&1 && command -v dpkg-deb >/dev/null 2>&1; then
        echo "Unpacking Postfix and Exim …"
        unpack || { [ "$(id -u)" = 0 ] && apt-get update -qq >/dev/null 2>&1 && unpack; } ||
            echo "they could not be fetched; tests that use them will be skipped"
    else
        echo "Postfix and Exim are unpacked on Debian only; tests that use them will be skipped"
    fi
fi
exit 0
