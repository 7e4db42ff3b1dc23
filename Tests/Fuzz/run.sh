#!/usr/bin/env bash
# Runs libFuzzer on the parsers that read what others wrote.
#
#   Tests/Fuzz/run.sh SECONDS [NAME...]
#
# Each folder here is a fuzzer: *.swift with LLVMFuzzerTestOneInput, `sources` with the folders that are compiled with it as one
# module, and `corpus` with inputs that have been of interest. Without names all are run beside each other, each for SECONDS. What
# is found is in .build/fuzz: inputs that fail as NAME-failures/*, new ones of interest in NAME-corpus. Exit status 1: one has failed.
set -euo pipefail
cd "$(dirname "$0")/../.."

if ! echo | swiftc -sanitize=fuzzer -parse-as-library -typecheck - 2>/dev/null; then
  echo "Not run: this Swift toolchain has no libFuzzer." >&2
  exit 0
fi
seconds=${1:?usage: Tests/Fuzz/run.sh SECONDS [NAME...]}
shift
names=("$@")
if [ ${#names[@]} = 0 ]; then
  for folder in Tests/Fuzz/*/; do names+=("$(basename "$folder")"); done
fi
out=.build/fuzz
mkdir -p $out

# Builds a fuzzer unless it is newer than all that it is made of.
build() {
  local name=$1 folder=Tests/Fuzz/$1 sources=()
  mapfile -t sources < <(xargs -a "$folder/sources" -I{} find {} -name '*.swift' | sort)
  sources+=("$folder"/*.swift)
  if [ -x "$out/$name" ] && [ -z "$(find "${sources[@]}" -newer "$out/$name" -print -quit)" ]; then return; fi
  echo "Building the fuzzer $name"
  swiftc -swift-version 6 -O -assert-config Debug -parse-as-library -sanitize=fuzzer -module-name "Fuzz_$name" \
    -o "$out/$name" "${sources[@]}"
}

run() {
  local name=$1
  mkdir -p "$out/$name-corpus" "$out/$name-failures"
  # Its words: what stands in quotes in the sources, which are the keys, the choices and the units.
  xargs -a "Tests/Fuzz/$name/sources" grep -rohE --include='*.swift' '"[A-Za-z][A-Za-z0-9-]{2,40}"' | sort -u >"$out/$name.dict"
  # Swift prints a backtrace by itself, but then libFuzzer would not keep the input.
  if SWIFT_BACKTRACE=enable=no "$out/$name" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -max_len=8192 -print_final_stats=1 \
    -verbosity=0 -dict="$out/$name.dict" -artifact_prefix="$out/$name-failures/" "$out/$name-corpus" "Tests/Fuzz/$name/corpus" \
    >"$out/$name.log" 2>&1; then
    echo "$name: $(awk '/number_of_executed_units/ { print $2 }' "$out/$name.log") inputs in $seconds s, none failed"
  else
    tail -n 40 "$out/$name.log" >&2
    echo "$name: failed; the input is in $out/$name-failures, run it by: $out/$name FILE" >&2
    return 1
  fi
}

for name in "${names[@]}"; do build "$name"; done
running=()
for name in "${names[@]}"; do
  run "$name" &
  running+=($!)
done
status=0
for process in "${running[@]}"; do wait "$process" || status=1; done
exit $status
