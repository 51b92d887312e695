"""Licences, sources and bans of all crates that are built, from `cargo metadata` on standard input.

The same rules cargo-deny would check, without minutes of compiling it on a new machine. What it cannot see: security
advisories, whose database is fetched over the network; `cargo audit` on a connected machine does that.
"""

import json
import re
import subprocess
import sys
from collections import defaultdict

# Licences a newsroom can run and a distributor can ship without asking anyone.
LICENCES = {
    "0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "BSL-1.0", "CDLA-Permissive-2.0", "IJG", "ISC", "MIT",
    "MPL-2.0", "Unicode-3.0", "Unlicense", "Zlib",
}

# Never built, and why.
BANNED = {
    "aws-lc-rs": "needs cmake and a C++ compiler; rustls runs on ring",
    "chrono-tz": "jiff brings the one time zone database",
    "native-tls": "TLS is rustls",
    "openssl": "TLS is rustls",
    "openssl-sys": "TLS is rustls",
    "serde_yaml": "no longer maintained",
}

# Two of these would mean two connection pools, two TLS stacks, two runtimes or two clocks.
ONE_ONLY = {
    "axum", "hyper", "jiff", "reqwest", "ring", "rustls", "rustls-webpki", "serde", "sqlx", "sqlx-core", "tokio", "url",
}

# RustCrypto (and the random numbers under it) is between two generations: these, and no others of the two families,
# are built twice until the crates named have moved on.
CRYPTO = {
    "aead", "block-buffer", "chacha20", "chacha20poly1305", "cipher", "cpufeatures", "crypto-common", "digest",
    "getrandom", "hmac", "inout", "poly1305", "rand", "rand_chacha", "rand_core", "sha1", "sha2", "universal-hash",
}
TWICE = {
    "block-buffer": "sha2 0.10 of oauth2 and sqlx-core",
    "cpufeatures": "sha2 0.10 of oauth2 and sqlx-core",
    "crypto-common": "sha2 0.10 of oauth2 and sqlx-core",
    "digest": "sha2 0.10 of oauth2 and sqlx-core",
    "getrandom": "0.2 of ring and of oauth2's rand",
    "hmac": "0.12 of openidconnect",
    "rand": "0.8 of oauth2 and of cron's phf",
    "rand_core": "0.6 of oauth2's rand",
    "sha2": "0.10 of oauth2 and sqlx-core",
}


def licensed(expression):
    """Whether an SPDX expression can be met with LICENCES alone."""
    words = re.findall(r"[()]|[^\s()/]+|/", expression)
    position = 0

    def take(word):
        nonlocal position
        if position < len(words) and words[position] == word:
            position += 1
            return True
        return False

    def one():
        nonlocal position
        if take("("):
            value = either()
            if not take(")"):
                raise ValueError(f"no closing bracket in {expression!r}")
            return value
        word = words[position]
        position += 1
        if take("WITH"):  # an exception only ever gives more rights
            position += 1
        return word in LICENCES

    def both():
        value = one()
        while take("AND"):
            value = one() and value
        return value

    def either():
        value = both()
        while take("OR") or take("/"):  # "/" is the old way to write OR
            value = both() or value
        return value

    value = either()
    if position != len(words):
        raise ValueError(f"cannot read the licence {expression!r}")
    return value


def really_built():
    """Name and version of what is compiled: metadata also lists what a feature would bring that nobody asks for."""
    target = ["--target", "x86_64-unknown-linux-gnu", "--all-features", "--edges", "normal,build,dev"]
    call = ["cargo", "tree", "--locked", "--prefix", "none", "--no-dedupe", *target]
    lines = subprocess.run(call, check=True, capture_output=True, text=True).stdout.splitlines()
    return {(words[0], words[1].removeprefix("v")) for words in (line.split() for line in lines) if len(words) > 1}


def main():
    metadata = json.load(sys.stdin)
    packages = {package["id"]: package for package in metadata["packages"]}
    named = really_built()
    nodes = [packages[node["id"]] for node in metadata["resolve"]["nodes"]]
    built = [package for package in nodes if (package["name"], package["version"]) in named]
    faults = []
    versions = defaultdict(list)
    for package in built:
        name, version = package["name"], package["version"]
        versions[name].append(version)
        if not licensed(package["license"] or "UNSTATED"):
            faults.append(f"{name} {version}: licence {package['license']!r} is not in LICENCES")
        if package["source"] not in (None, "registry+https://github.com/rust-lang/crates.io-index"):
            faults.append(f"{name} {version}: comes from {package['source']}, not from crates.io")
        if name in BANNED:
            faults.append(f"{name} {version}: banned, {BANNED[name]}")
    for name, found in sorted(versions.items()):
        if len(found) > 1 and name in ONE_ONLY:
            faults.append(f"{name}: built in {len(found)} versions ({', '.join(sorted(found))}), may be only one")
        if len(found) > 1 and name in CRYPTO and name not in TWICE:
            faults.append(f"{name}: built in {len(found)} versions ({', '.join(sorted(found))}), not named in TWICE")
    for name in sorted(TWICE):
        if len(versions[name]) < 2:
            faults.append(f"{name}: named in TWICE but built once: take it out")
    for fault in faults:
        print(fault, file=sys.stderr)
    if faults:
        sys.exit(1)
    print(f"{len(built)} crates: licences, sources and bans in order", file=sys.stderr)


main()
