import Foundation

/// A server that works for nobody who is connected, as it is told to: `BURN`, `BURST`, `WRITE`, `LISTEN`, `CONNECT`, `CALL` and
/// `STREAM`, each with numbers, and `SAY`, answered by "+OK" at once. When work ends it writes the time into the file "ended".
enum WorkingServer {
  static let program = RealServer.python.program

  private static let script = """
    import os, socket, subprocess, sys, threading, time
    port, place = int(sys.argv[1]), sys.argv[2]
    listener = socket.create_server(("127.0.0.1", port), backlog=64)
    kept = []

    def ended():
        with open(place + "/ended", "a") as f: f.write(repr(time.time()) + "\\n")
    def burn(seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end: pass
        ended()
    def burst(seconds):
        # A job of its own every 300 ms, each a process that is soon gone.
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            subprocess.run([sys.executable, "-SE", "-c", "import time\\ne = time.process_time() + 0.05\\nwhile time.process_time() < e: pass"])
            ended(); time.sleep(0.3)
    def write(seconds):
        # Waits for the disk, and computes next to nothing.
        end, block = time.monotonic() + seconds, bytes(1 << 20)
        with open(place + "/written", "wb", buffering=0) as f:
            while time.monotonic() < end:
                f.seek(0); f.write(block); os.fsync(f.fileno()); time.sleep(0.05)
        ended()
    def read(c):
        # Answers nothing, and closes when the other side has.
        with c:
            while c.recv(200): pass
    def serve(own):
        own.listen(8)
        while True: threading.Thread(target=read, args=(own.accept()[0],), daemon=True).start()
    def work(c, words):
        seconds = float(words[1]) if words[0] in ("BURN", "BURST", "WRITE", "STREAM") else 0
        if words[0] == "LISTEN":
            if words[1].startswith("/"):
                own = socket.socket(socket.AF_UNIX); own.bind(words[1])
            else:
                own = socket.socket(); own.bind((words[2] if len(words) > 2 else "127.0.0.1", int(words[1])))
            threading.Thread(target=serve, args=(own,), daemon=True).start()
            time.sleep(0.05)
        elif words[0] == "CONNECT":
            kept.append(socket.create_connection(("127.0.0.1", int(words[1]))))
        elif words[0] == "CALL":
            threading.Thread(target=read, args=(socket.create_connection(("127.0.0.1", int(words[1]))),), daemon=True).start()
        elif words[0] == "SAY":
            name = os.environ["NOTIFY_SOCKET"]
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(words[1].encode(), "\\0" + name[1:] if name[0] == "@" else name)
        elif words[0] == "STREAM":
            end = time.monotonic() + seconds
            while time.monotonic() < end: c.sendall(b"."); ended(); time.sleep(0.2)
            return
        elif words[0] == "HALF":
            # All is said, and it is kept open for whatever the client still says.
            c.sendall(b"+OK\\r\\n"); c.shutdown(socket.SHUT_WR)
            return
        elif words[0] != "PING":
            threading.Thread(target=globals()[words[0].lower()], args=(seconds,), daemon=True).start()
        c.sendall(b"+OK\\r\\n")
    def converse(c):
        with c:
            while line := c.recv(200):
                work(c, line.decode().split())
    while True:
        c, _ = listener.accept()
        threading.Thread(target=converse, args=(c,), daemon=True).start()
    """

  static func command(port: UInt16, in directory: TemporaryDirectory) throws -> [String] {
    guard let program else { throw SystemFailure("find python3", ENOENT) }
    return [program, "-SE", try directory.write(script, to: "working.py"), "\(port)", directory.path]
  }

  static func order(_ text: String) -> Exchange { Exchange(request: text + "\r\n", reply: .exactly("+OK\r\n")) }

  /// Runs torpor with it on a port of 127.0.0.1, with every sense but where `options` say otherwise.
  static func run(
    idle: String = "2s", options: [String] = ["--senses", "connections,channels,processing"], wrapper: [String] = [],
    _ body: (TorporProcess, Endpoint, TemporaryDirectory) throws -> Void
  ) throws {
    let directory = try TemporaryDirectory()
    let endpoint = Endpoint.v4(try freePort())
    let arguments =
      ["-l", "\(endpoint)", "--idle", idle] + options + ["--"] + (try command(port: endpoint.port, in: directory))
    try TorporProcess.run(arguments, wrapper: wrapper) { try body($0, endpoint, directory) }
  }

  /// A manager's unit of it.
  static func unit(
    _ endpoint: Endpoint, in directory: TemporaryDirectory, idle: String, service: String = "", more: String = ""
  ) throws -> String {
    """
    [Socket]
    ListenStream=\(endpoint)
    [Service]
    ExecStart=\(try command(port: endpoint.port, in: directory).joined(separator: " "))
    \(service)
    [X-Idle]
    TimeoutSec=\(idle)
    MinimumUptimeSec=0
    \(more)
    """
  }
}
