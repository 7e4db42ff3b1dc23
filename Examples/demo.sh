#!/usr/bin/env bash
# Torpor's main job on an ordinary little web server, step by step. Usage: demo.sh DIRECTORY_OF_THE_PROGRAMS
# Fails if any step isn't as told. Needs nothing but bash and the two programs.
set -euo pipefail
programs=${1:?usage: demo.sh DIRECTORY_OF_THE_PROGRAMS}
log=$(mktemp)
shown=0
torpor=

clean_up() {
  [ -z "$torpor" ] || kill -TERM "$torpor" 2>/dev/null || true
  [ -z "$torpor" ] || wait "$torpor" 2>/dev/null || true
  rm -f "$log"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

tell() { printf '\n%s\n' "$*"; }
fail() {
  printf '\nThe demo went wrong: %s\nEverything that was written:\n' "$*" >&2
  cat "$log" >&2
  exit 1
}

# What torpor and the server have written since the last time.
show_log() {
  local line number=0
  while IFS= read -r line; do
    number=$((number + 1))
    [ "$number" -le "$shown" ] || printf '    %s\n' "$line"
  done <"$log"
  shown=$number
}

# wait_until SECONDS WHAT COMMAND...: looks every 20 ms.
wait_until() {
  local end=$((SECONDS + $1 + 1)) what=$2
  shift 2
  until "$@"; do
    [ "$SECONDS" -lt "$end" ] || fail "$what"
    sleep 0.02
  done
}

# The greeter's process, if there is one: a child of torpor's.
greeter_pid() {
  local stat pid name parent
  for stat in /proc/[0-9]*/stat; do
    { read -r pid name _ parent _ <"$stat"; } 2>/dev/null || continue
    if [ "$parent" = "$torpor" ] && [ "$name" = "(greeter)" ]; then
      echo "$pid"
      return
    fi
  done
}
no_greeter() { [ -z "$(greeter_pid)" ]; }
logged() { [ "$(grep -c -- "$1" "$log")" -ge "$2" ]; }
port_is_closed() { ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; }

# Asks for a page. Sets `answer`, `milliseconds` and `process`.
visit() {
  local start=${EPOCHREALTIME/[.,]/} line
  exec 3<>"/dev/tcp/127.0.0.1/$port" || fail "the visit was refused"
  printf 'GET / HTTP/1.0\r\n\r\n' >&3
  answer=
  while IFS= read -r -t 10 line <&3; do answer=${line%$'\r'}; done
  exec 3<&- 3>&-
  local microseconds=$((${EPOCHREALTIME/[.,]/} - start))
  milliseconds=$((microseconds / 1000)).$((microseconds % 1000 / 100))
  [[ $answer =~ ^Hello\ from\ greeter,\ process\ ([0-9]+), ]] || fail "the answer is '$answer'"
  process=${BASH_REMATCH[1]}
  printf '    answer after %s ms: %s\n' "$milliseconds" "$answer"
}

for _ in {1..100}; do
  port=$((20000 + RANDOM % 12000))
  ! port_is_closed || break
done

tell "1. Torpor holds port $port for a small web server, the greeter:"
echo "    torpor run -l 127.0.0.1:$port --idle 2s -- greeter --port $port"
"$programs/torpor" run -l "127.0.0.1:$port" --idle 2s -- "$programs/greeter" --port "$port" >"$log" 2>&1 &
torpor=$!
wait_until 10 "torpor did not begin to listen" logged "is dormant, listening on" 1
show_log
no_greeter || fail "a greeter runs already"
tell "   The port is open, and no greeter runs: torpor (process $torpor) has no child of that name."

tell "2. The first visitor comes. Torpor starts the greeter, which finds the visitor waiting:"
visit
first=$process
wait_until 5 "torpor did not tell of the wake" logged "serving after" 1
show_log
[ "$(greeter_pid)" = "$first" ] || fail "process $first is not the greeter that torpor started"

tell "3. The second visitor meets the same process. Torpor isn't in between: client and server talk directly."
visit
[ "$process" = "$first" ] || fail "process $process answered, not $first"

tell "4. Nobody comes for two seconds. Torpor makes sure that nobody is on the way, and puts the greeter to rest:"
wait_until 10 "the greeter was not put to rest" logged "is dormant again" 1
show_log
no_greeter || fail "a greeter still runs"
[ ! -e "/proc/$first" ] || fail "process $first is still there"
tell "   Process $first is gone. The port is open."

tell "5. The next visitor wakes a new greeter:"
visit
[ "$process" != "$first" ] || fail "the same process answered"
wait_until 5 "torpor did not tell of the wake" logged "serving after" 2
show_log

tell "6. Torpor is told to end (SIGTERM). It stops the greeter, then leaves:"
kill -TERM "$torpor"
status=0
wait "$torpor" || status=$?
ended=$torpor
torpor=
show_log
[ "$status" = 0 ] || fail "torpor (process $ended) exited with status $status"
[ ! -e "/proc/$process" ] || fail "the greeter, process $process, is still there"
port_is_closed || fail "port $port is still open"
tell "   The port is closed, and no process is left. That is all."
