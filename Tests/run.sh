#!/usr/bin/env bash
# Runs `swift test ARGUMENTS...`, and repeats at its end what failed: that is far up in what hundreds of tests print.
set -euo pipefail
log=$(mktemp)
trap 'rm -f "$log"' EXIT
status=0
swift test "$@" 2>&1 | tee "$log" || status=$?
if [ "$status" != 0 ]; then
  # Each issue and what it's about; then tests that began and never ended, as the one that ran at a crash.
  echo
  echo "swift test $*: failed with status $status"
  grep -E '^(✘|↳)|: error:|Fatal error' "$log" | head -n 200 || true
  awk '/^◇ Test [^ ]+ started\.$/ { begun[$3] = 1 } /^[✔✘] Test [^ ]+ / { delete begun[$3] }
    END { for (test in begun) print "never ended: " test }' "$log"
fi
exit "$status"
