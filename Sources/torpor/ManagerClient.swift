import Glibc
import Linux
import Torpor
import Varlink

/// A connection to the manager. It waits for its answers: this program has nothing else to do.
final class ManagerClient {
  private let socket: UnixSocket
  private let path: String
  private var reader = MessageReader(limitBytes: 64 << 20)

  /// What doesn't depend on a service is answered at once by a manager in good health.
  static let patienceMilliseconds: Int32 = 20_000

  /// Connects to the first of these at which somebody answers.
  init(paths: [String]) throws(CommandFailure) {
    for path in paths {
      if let socket = try Self.connect(to: path) {
        self.socket = socket
        self.path = path
        return
      }
    }
    throw CommandFailure(
      "torpord isn't running: nobody answers at \(paths.map { "'\($0)'" }.joined(separator: " or ")); "
        + "start it, or say where it is with --socket")
  }

  /// nil: nobody is there.
  private static func connect(to path: String) throws(CommandFailure) -> UnixSocket? {
    guard let address = UnixAddress(path: path) else {
      throw CommandFailure("'\(path)' is too long for a socket's path", exitCode: 2)
    }
    do throws(Errno) {
      let socket = try UnixSocket(.stream)
      try socket.descriptor.setNonBlocking(false)
      try socket.connect(to: address)
      return socket
    } catch {
      switch error {
      case .refused, .noEntry, Errno(ENOTDIR): return nil
      case .accessDenied:
        throw CommandFailure(
          "you may not control the torpord at '\(path)': \(error); its socket is for root and the user that it runs as")
      default: throw CommandFailure("cannot connect to '\(path)': \(error)")
      }
    }
  }

  // MARK: calls

  /// Calls, and returns the only reply.
  ///
  /// - Parameter isQuick: it doesn't depend on a service, which may take its time.
  func call<Reply: Decodable>(
    _ method: ControlMethod, _ parameters: some Encodable, as type: Reply.Type, isQuick: Bool = true
  ) throws(CommandFailure) -> Reply {
    try send(method, parameters, more: false)
    return try next(as: type, isQuick: isQuick).reply
  }

  /// Calls, and gives each reply to `body`, until the last one.
  func stream<Reply: Decodable>(
    _ method: ControlMethod, _ parameters: some Encodable, as type: Reply.Type, isQuick: Bool = false,
    _ body: (Reply) throws -> Void
  ) throws {
    try send(method, parameters, more: true)
    var continues = true
    while continues {
      let next = try next(as: type, isQuick: isQuick)
      continues = next.continues
      try body(next.reply)
    }
  }

  private func send(_ method: ControlMethod, _ parameters: some Encodable, more: Bool) throws(CommandFailure) {
    let bytes = Varlink.Reply.encodeCall(method.fullName, parameters, more: more)
    var start = 0
    do throws(Errno) {
      while start < bytes.count { start += try socket.send(bytes, from: start) }
    } catch {
      // It may have said why before it went.
      guard error == Errno(EPIPE) else { throw CommandFailure("cannot ask the torpord at '\(path)': \(error)") }
    }
  }

  private func next<Reply: Decodable>(
    as type: Reply.Type, isQuick: Bool
  ) throws(CommandFailure) -> (reply: Reply, continues: Bool) {
    let message = try receive(isQuick: isQuick)
    guard let received = ReceivedReply(message) else {
      throw CommandFailure("what answers at '\(path)' doesn't speak Varlink: is it a torpord?")
    }
    if let error = received.error { throw Self.failure(error, received) }
    guard let reply = received.parameters(as: type) else {
      throw CommandFailure("the torpord at '\(path)' answers in another way than expected: is it of another version?")
    }
    return (reply, received.continues)
  }

  private func receive(isQuick: Bool) throws(CommandFailure) -> [UInt8] {
    var buffer = [UInt8](repeating: 0, count: 64 << 10)
    do throws(MessageReader.TooLong) {
      while true {
        if let message = try reader.next() { return message }
        guard let count = try? wait(isQuick: isQuick, &buffer) else { break }
        reader.append(buffer[..<count])
      }
    } catch { throw CommandFailure("the torpord at '\(path)' says more than can be meant") }
    throw CommandFailure(
      isStalled ? "the torpord at '\(path)' doesn't answer" : "the torpord at '\(path)' has ended the connection")
  }
  private var isStalled = false

  /// nil: nothing more will come, or not in time.
  private func wait(isQuick: Bool, _ buffer: inout [UInt8]) throws(Errno) -> Int? {
    isStalled = !socket.waitUntilReadable(milliseconds: isQuick ? Self.patienceMilliseconds : nil)
    if isStalled { return nil }
    let count = try socket.descriptor.read(into: &buffer)
    return count == 0 ? nil : count
  }

  // MARK: errors

  private static func failure(_ error: String, _ reply: ReceivedReply) -> CommandFailure {
    let said = reply.parameters(as: [String: JSONValue].self) ?? [:]
    func text(_ key: String) -> String {
      if case .string(let text) = said[key] { return TextStyle.clean(text) }
      return ""
    }
    switch error {
    case "io.torpor.Manager.NoSuchUnit":
      return CommandFailure("there is no unit '\(text("name"))'; 'torpor status' shows those that there are")
    case "io.torpor.Manager.NotNow": return CommandFailure("not now: \(text("reason"))")
    case "io.torpor.Manager.Failed": return CommandFailure(text("reason"))
    case "io.torpor.Manager.TooSlow": return CommandFailure("more happened than could be shown; call again")
    case "io.torpor.Manager.TooManyClients":
      return CommandFailure("torpord has all the clients that it takes; end one, such as a 'torpor monitor'")
    case "org.varlink.service.PermissionDenied":
      return CommandFailure("you may not control this torpord: root may, and the user that it runs as")
    case "org.varlink.service.MethodNotFound", "org.varlink.service.InterfaceNotFound":
      return CommandFailure("this torpord can't do that: it is of another version than torpor")
    case "org.varlink.service.InvalidParameter":
      return CommandFailure("torpord doesn't take this for '\(text("parameter"))'", exitCode: 2)
    default: return CommandFailure("torpord says \(TextStyle.clean(error))")
    }
  }

  /// Whether the manager has gone, which ends what depends on this connection.
  var hasEnded: Bool { !socket.descriptor.readiness().isDisjoint(with: [.hangUp, .readHangUp, .error]) }

  /// Calls `body` when the manager goes.
  func watch(in loop: EventLoop, _ body: @escaping () -> Void) throws(Errno) {
    var token: EventLoop.Token?
    token = try loop.add(socket.descriptor, for: .readHangUp) { [self] _ in
      if let token { loop.remove(token, socket.descriptor) }
      body()
    }
  }
}
