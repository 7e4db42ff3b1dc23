import Glibc

/// A small web server that greets. It binds, listens and accepts by itself and has never heard of Torpor: what
/// `torpor run` does for it, it does for any such server.
///
/// One thread, one poll loop.
@main
struct Greeter {
  private let listener: Int32
  private let startedAt = nowMilliseconds()
  /// What each visitor has said so far, by the descriptor of the connection.
  private var visitors: [Int32: [UInt8]] = [:]
  private var visitorCount = 0

  static func main() {
    let settings = Settings(arguments: CommandLine.arguments.dropFirst())
    // The handler's only work is to wake the loop: poll is then sure to return, whenever the signal comes. The pipe is
    // made first, as a handler may not make one.
    _ = terminationPipe
    signal(SIGTERM) { _ in _ = write(terminationPipe.writeEnd, "x", 1) }
    signal(SIGPIPE, SIG_IGN)
    var greeter = Greeter(listener: makeListener(settings))
    say("greeter: http://\(settings.host):\(settings.port)/ is open, process \(getpid())")
    greeter.serveUntilTerminated()
    greeter.finishVisitors()
    say("greeter: process \(getpid()) is done after \(greeter.visitorCount) visitors")
  }

  private init(listener: Int32) {
    self.listener = listener
  }

  /// A listening socket, the way that servers have made them since 1983.
  private static func makeListener(_ settings: Settings) -> Int32 {
    let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue), 0)
    var on: Int32 = 1
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, socklen_t(MemoryLayout<Int32>.size))
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = settings.port.bigEndian
    guard inet_pton(AF_INET, settings.host, &address.sin_addr) == 1 else {
      fail("\(settings.host) is not an IPv4 address", exitCode: 2)
    }
    let length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let bound = withUnsafePointer(to: address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(listener, $0, length) }
    }
    guard bound == 0, listen(listener, 511) == 0 else {
      fail("cannot listen on \(settings.host):\(settings.port): \(String(cString: strerror(errno)))", exitCode: 1)
    }
    return listener
  }

  private mutating func serveUntilTerminated() {
    while true {
      let ready = waitForAny(of: [terminationPipe.readEnd, listener] + visitors.keys, milliseconds: -1)
      if ready.contains(terminationPipe.readEnd) { return }
      for descriptor in ready {
        if descriptor == listener { welcomeVisitors() } else { hear(descriptor) }
      }
    }
  }

  /// After SIGTERM: nobody new, and a second for those who are here to say what they want.
  private mutating func finishVisitors() {
    close(listener)
    let end = nowMilliseconds() + 1000
    while !visitors.isEmpty, nowMilliseconds() < end {
      let ready = waitForAny(of: Array(visitors.keys), milliseconds: Int32(max(0, end - nowMilliseconds())))
      for visitor in ready { hear(visitor) }
    }
  }

  private mutating func welcomeVisitors() {
    while true {
      let visitor = accept(listener, nil, nil)
      guard visitor >= 0 else { return }
      _ = fcntl(visitor, F_SETFL, O_NONBLOCK)
      visitors[visitor] = []
    }
  }

  private mutating func hear(_ visitor: Int32) {
    var bytes = [UInt8](repeating: 0, count: 4096)
    let count = recv(visitor, &bytes, bytes.count, 0)
    if count < 0, errno == EAGAIN || errno == EINTR { return }
    guard count > 0 else { return sayGoodbye(to: visitor) }
    let request = visitors[visitor, default: []] + bytes[..<count]
    visitors[visitor] = request
    let text = String(decoding: request, as: UTF8.self)
    if text.contains("\r\n\r\n") {
      reply(to: visitor, isGet: text.hasPrefix("GET "))
    } else if request.count > 16_384 {
      sayGoodbye(to: visitor)
    }
  }

  private mutating func reply(to visitor: Int32, isGet: Bool) {
    visitorCount += 1
    let age = nowMilliseconds() - startedAt
    let page =
      isGet
      ? "Hello from greeter, process \(getpid()), up for \(age) ms, visitor number \(visitorCount)\n"
      : "This server only knows GET.\n"
    let reply = """
      HTTP/1.1 \(isGet ? "200 OK" : "405 Method Not Allowed")\r
      Content-Type: text/plain\r
      Content-Length: \(page.utf8.count)\r
      Connection: close\r
      \r
      \(page)
      """
    // Far smaller than a new connection's send buffer, so it goes out whole.
    _ = send(visitor, reply, reply.utf8.count, 0)
    sayGoodbye(to: visitor)
  }

  private mutating func sayGoodbye(to visitor: Int32) {
    close(visitor)
    visitors[visitor] = nil
  }
}
