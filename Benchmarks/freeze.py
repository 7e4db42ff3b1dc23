"""What it takes to wake a frozen service by data on an old connection, and what memory it gives back.

Each server runs under `torpor run --rest freeze`; a client connects once, asks, waits until the service is frozen, and asks again,
round after round, on the same connection. `awake` is the same question a moment later. With `--memory MEGABYTES` redis is filled with so
much before, which goes to swap where there is some. Needs root, a cgroup v2, and the servers that are asked for.
"""

import argparse
import glob
import json
import os
import pwd
import shutil
import socket
import statistics
import struct
import subprocess
import tempfile
import time


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Line:
    """A protocol that is a line, or ends with known bytes."""

    def __init__(self, question, end):
        self.question, self.end = question, end

    def greet(self, connection):
        pass

    def ask(self, connection):
        connection.sendall(self.question)
        answer = b""
        while not answer.endswith(self.end):
            more = connection.recv(65536)
            assert more, "the connection was closed"
            answer += more


class Postgres:
    def message(self, connection):
        head = b""
        while len(head) < 5:
            more = connection.recv(5 - len(head))
            assert more, "the connection was closed"
            head += more
        left = struct.unpack("!I", head[1:])[0] - 4
        while left:
            left -= len(connection.recv(left))
        return head[:1]

    def until_ready(self, connection):
        while self.message(connection) != b"Z":
            pass

    def greet(self, connection):
        words = b"user\0postgres\0database\0postgres\0\0"
        connection.sendall(struct.pack("!II", 8 + len(words), 196608) + words)
        self.until_ready(connection)

    def ask(self, connection):
        query = b"SELECT 1\0"
        connection.sendall(b"Q" + struct.pack("!I", 4 + len(query)) + query)
        self.until_ready(connection)


def redis(port, directory):
    command = ["redis-server", "--port", str(port), "--save", "", "--dir", directory, "--enable-debug-command", "yes"]
    return command, [], Line(b"PING\r\n", b"+PONG\r\n")


def nginx(port, directory):
    path = os.path.join(directory, "nginx.conf")
    with open(path, "w") as file:
        file.write(
            f"daemon off; worker_processes 1; pid {directory}/pid; error_log stderr warn; events {{}}\n"
            f"http {{ access_log off; keepalive_requests 100000; server {{ listen 127.0.0.1:{port};\n"
            '  location / { return 200 "frozen\\n"; } } }\n'
        )
    question = Line(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"frozen\n")
    return ["nginx", "-c", path, "-p", directory, "-e", "stderr"], [], question


def postgres(port, directory):
    programs = sorted(glob.glob("/usr/lib/postgresql/*/bin"))[-1]
    user = pwd.getpwnam("postgres")
    data = os.path.join(directory, "data")
    os.chown(directory, user.pw_uid, user.pw_gid)
    subprocess.run(
        ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", "--", programs + "/initdb", "-D", data,
         "-U", "postgres", "-A", "trust", "--no-sync", "--locale=C"], check=True, stdout=subprocess.DEVNULL)
    command = [programs + "/postgres", "-D", data, "-p", str(port), "-c", "listen_addresses=127.0.0.1",
               "-c", f"unix_socket_directories={directory}"]
    return command, ["--ready", "notify", "--user", "postgres"], Postgres()


SERVERS = {"redis": redis, "nginx": nginx, "postgres": postgres}


def rss(pid):
    """Anonymous memory of a process and those below it, in MB."""
    total = 0
    for line in open(f"/proc/{pid}/status"):
        if line.startswith("RssAnon:"):
            total += int(line.split()[1]) / 1000
    for child in open(f"/proc/{pid}/task/{pid}/children").read().split():
        total += rss(int(child))
    return total


def measure(torpor, name, rounds, memory):
    directory = tempfile.mkdtemp(prefix="torpor-freeze-")
    port = free_port()
    command, options, protocol = SERVERS[name](port, directory)
    process = subprocess.Popen(
        [torpor, "run", "--json", "-l", f"127.0.0.1:{port}", "--idle", "500ms", "--rest", "freeze"] + options + ["--"] + command,
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)

    def wait_for(*kinds):
        for line in process.stdout:
            event = json.loads(line)
            if event["event"] in kinds:
                return event
        raise SystemExit(f"{name}: torpor has ended")

    try:
        wait_for("dormant")
        connection = socket.create_connection(("127.0.0.1", port))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        protocol.greet(connection)
        protocol.ask(connection)
        pid = wait_for("serving")["pid"]
        if memory and name == "redis":
            Line(f"DEBUG POPULATE {memory} key 1000000\r\n".encode(), b"+OK\r\n").ask(connection)
        frozen, awake, given = [], [], []
        for _ in range(rounds):
            wait_for("frozen")
            if memory:
                before = rss(pid)
                began = time.time()
                event = wait_for("gave-back")
                given.append((before, rss(pid), event["time"] - began))
            # redis is let do its housekeeping three times first.
            time.sleep(1)
            for times in (frozen, awake):
                begin = time.perf_counter()
                protocol.ask(connection)
                times.append((time.perf_counter() - begin) * 1e3)
        quartiles = statistics.quantiles(frozen, n=4)
        print(f"| {name} | {quartiles[0]:.2f} ms | {quartiles[1]:.2f} ms | {quartiles[2]:.2f} ms "
              f"| {max(frozen):.2f} ms | {statistics.median(awake):.2f} ms |", flush=True)
        for before, after, seconds in given[:3]:
            print(f"  {before:.0f} MB → {after:.0f} MB within {seconds:.2f} s")
    finally:
        process.terminate()
        process.wait()
        shutil.rmtree(directory, ignore_errors=True)


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--torpor", default=".build/release/torpor")
    arguments.add_argument("--rounds", type=int, default=40)
    arguments.add_argument("--memory", type=int, default=0, metavar="MEGABYTES")
    arguments.add_argument("servers", nargs="*", default=list(SERVERS))
    asked = arguments.parse_args()
    print("| woken by data, from the question to its answer | quartile | median | quartile | slowest | awake |")
    print("|---|---|---|---|---|---|")
    for name in asked.servers:
        measure(asked.torpor, name, asked.rounds, asked.memory)


if __name__ == "__main__":
    main()
