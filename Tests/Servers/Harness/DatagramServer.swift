import Foundation

/// An unmodified UDP server, or a few lines of one in Python.
struct DatagramServer: Sendable {
  let name: String
  /// nil: not installed.
  let program: String?
  let prepare: @Sendable (_ program: String, UInt16, TemporaryDirectory) throws -> [String]
  let exchange: Exchange

  var isInstalled: Bool { program != nil }

  func command(port: UInt16, in directory: TemporaryDirectory) throws -> [String] {
    guard let program else { throw SystemFailure("find \(name)", ENOENT) }
    return try prepare(program, port, directory)
  }

  /// Answers redis's PING with its PONG, a datagram each; it takes a socket by LISTEN_FDS where it gets one.
  private static let script = """
    import os, socket, sys
    given = int(os.environ.get("LISTEN_FDS", "0")) if os.environ.get("LISTEN_PID") == str(os.getpid()) else 0
    s = socket.socket(fileno=3) if given else socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    if not given: s.bind(("127.0.0.1", int(sys.argv[1])))
    while True:
      data, sender = s.recvfrom(2048)
      s.sendto(b"+PONG\\r\\n", sender)
    """

  /// It takes its first client for its only one, and goes when that is answered.
  private static let connectingScript = """
    import socket, sys
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind(("127.0.0.1", int(sys.argv[1])))
    data, sender = s.recvfrom(2048)
    s.connect(sender)
    s.send(b"+PONG\\r\\n")
    """

  /// It asks to be told of errors (IP_RECVERR), and doesn't take them.
  private static let carelessScript = """
    import socket, sys, time
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind(("127.0.0.1", int(sys.argv[1])))
    s.setsockopt(socket.IPPROTO_IP, 11, 1)
    while True:
      try: data, sender = s.recvfrom(2048)
      except OSError: continue
      if data[:1] == b"L": time.sleep(0.1)
      s.sendto(b"+PONG\\r\\n", sender)
      if data == b"LAST": sys.exit()
    """

  static let python = python(script)
  static let connecting = python(connectingScript)
  static let careless = python(carelessScript)

  private static func python(_ script: String) -> DatagramServer {
    DatagramServer(name: "python3", program: RealServer.python.program) { program, port, directory in
      // Without site-packages it starts in a tenth of the time.
      [program, "-SE", try directory.write(script, to: "pong.py"), "\(port)"]
    } exchange: {
      .ping
    }
  }

  /// An eight-byte header (request 7, datagram 0 of 1) before the text.
  private static let memcachedHeader = "\u{0}\u{7}\u{0}\u{0}\u{0}\u{1}\u{0}\u{0}"

  static let memcached = DatagramServer(name: "memcached", program: Machine.find("memcached")) { program, port, _ in
    [program, "-l", "127.0.0.1", "-p", "0", "-U", "\(port)"] + (Machine.isRoot ? ["-u", "nobody"] : [])
  } exchange: {
    Exchange(request: memcachedHeader + "version\r\n", reply: .line(prefix: memcachedHeader + "VERSION "))
  }

  private init(
    name: String, program: String?,
    prepare: @escaping @Sendable (String, UInt16, TemporaryDirectory) throws -> [String],
    exchange: () -> Exchange
  ) {
    self.name = name
    self.program = program
    self.prepare = prepare
    self.exchange = exchange()
  }
}
