#!/usr/bin/env bash
# The main job, end to end: a fit proved optimal, a pattern with an optimum for all data, two patterns without.
set -euo pipefail
sparseopt=${1:-sparseopt}
cd "$(dirname "$0")/.."
mkdir -p build
run() {
    printf '\n\033[1m$ sparseopt %s\033[0m\n' "$*"
    "$sparseopt" "$@"
}
run solve data/mcycle-k4.json --plot build/mcycle-k4.png
run certify dense:3,4,1
run certify lu:3
run certify data/deep-lu-3.json
