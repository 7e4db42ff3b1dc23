#!/usr/bin/env bash
# Checks handback.pml exhaustively with spin, then that each rule that is turned off is missed. See README.md. Usage: check.sh
# Ends with 0 if every run ends as expected, 1 if one doesn't, 77 if spin or gcc is missing.
set -euo pipefail
exec </dev/null
for tool in spin gcc; do
  command -v "$tool" >/dev/null || { echo "check.sh needs $tool, which isn't installed: nothing was checked" >&2; exit 77; }
done
model=$(cd "$(dirname "$0")" && pwd)/handback.pml
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
cd "$work"
failed=0

# search SWITCH...: builds the model with these and searches all of its states. Leaves what was found in the variables below.
search() {
  local output start compile=(-DSAFETY -DNOCLAIM) run=()
  if [[ " $* " == *" -DLIVENESS "* ]]; then
    compile=(-DNFAIR=3) # weak fairness for three processes
    run=(-a -f)
  fi
  rm -f pan*
  # spin can fail and still end with 0, without a model.
  output=$(spin "$@" -a "$model") && [ -f pan.c ] && gcc -O1 -w -DCOLLAPSE -DMEMLIM=900 "${compile[@]}" -o pan pan.c || {
    printf 'cannot build the model with: %s\n%s\n' "$*" "$output" >&2
    exit 1
  }
  start=$EPOCHREALTIME
  output=$(./pan -m300000 "${run[@]}" 2>&1) || true
  seconds=$(awk -v from="$start" -v to="$EPOCHREALTIME" 'BEGIN { printf "%.1f", to - from }')
  errors=$(sed -n 's/.*errors: \([0-9]*\).*/\1/p' <<<"$output")
  depth=$(sed -n 's/.*depth reached \([0-9]*\).*/\1/p' <<<"$output")
  states=$(sed -n 's/^ *\([0-9.e+]*\) states, stored.*/\1/p' <<<"$output")
  megabytes=$(sed -n 's/^ *\([0-9]*\)[.0-9]*.*total actual memory usage.*/\1/p' <<<"$output")
  complaint=$(sed -n 's/^pan:1: \(.*\) (at depth [0-9]*)$/\1/p' <<<"$output")
  # Stopped before the end: too deep, or out of memory.
  if grep -Eq 'too small|Search not completed|out of memory|memory limit' <<<"$output"; then isWhole=false; else isWhole=true; fi
}

# holds NAME SWITCH...: no state breaks a property.
holds() {
  local name=$1
  shift
  search "$@"
  local line="$states states, depth $depth, $megabytes MB, $seconds s, ${errors:-?} errors"
  if [ "$errors" != 0 ] || [ "$isWhole" = false ]; then
    line="FAILED: $line ${complaint:-search not completed}"
    failed=1
  fi
  printf '%-26s %s\n' "$name" "$line"
}

# caught WORD NAME SWITCH...: a state that breaks one is found.
caught() {
  local word=$1 name=$2
  shift 2
  search "$@"
  local line="$word"
  if [ -z "$complaint" ]; then
    line="FAILED: not caught"
    failed=1
  fi
  printf '%-26s %s\n' "$name" "$line"
}

without_marks=(-DATOMIC_ACCEPT -DNO_LIMBO_MARK)

holds safety
holds liveness -DLIVENESS
holds 'without marks' "${without_marks[@]}"
holds 'one sample' -DNO_QUEUE -DNO_IN_HAND
holds 'deadline, filter' -DDEADLINE_BACK -DFILTER_AT_DEADLINE

for mutant in NO_BARRIER NO_HANDSHAKES HANDSHAKES_BEFORE_BARRIER NO_LIMBO_MARK NO_ACCEPTED NO_CLOSES SWAP_BEFORE_EXIT \
  ARM_BEFORE_SWAP NO_BARRIER_BACK DEADLINE_BACK NO_MIGRATION; do
  caught caught "$mutant" -D$mutant
done
for mutant in NO_QUEUE NO_IN_HAND DUMP_BEFORE_QUEUE; do
  caught 'caught (without marks)' "$mutant" "${without_marks[@]}" -D$mutant
done
caught 'caught (liveness)' ARM_BEFORE_SWAP -DLIVENESS -DARM_BEFORE_SWAP

for gap in RESET_IS_USE LATE_RECORD; do
  caught 'known gap, found' "$gap" -D$gap
done
exit "$failed"
