import Linux
import Varlink

/// One connection to the control socket. Its calls are answered one after another, in their order.
final class ControlClient {
  let number: Int
  let peer: UnixSocket.Peer
  /// Root, or the user that the manager runs as.
  let mayCall: Bool
  private unowned let server: ControlServer
  private let socket: UnixSocket
  private var token: EventLoop.Token?
  private var interest: Readiness = .readable
  private var reader: MessageReader
  private var queue = ControlQueue()
  /// The call that is being answered. Those behind it wait, most of them in the kernel.
  private var current: ControlCall?
  /// There may be a whole call in what was read.
  private var hasUnhandled = false
  private var hasInputEnded = false
  private var isHalfClosed = false
  private var isClosing = false
  private var isClosed = false
  private var isHandling = false
  /// Those that end with this connection.
  private var holds: [(unit: String, id: Int)] = []
  private(set) var lastActive: UInt64

  private static let readBytes = 64 << 10
  /// What somebody who may not call can make us keep.
  private static let strangerBytes = 64 << 10

  init(
    _ socket: consuming UnixSocket, number: Int, peer: UnixSocket.Peer, mayCall: Bool, server: ControlServer
  ) throws(Errno) {
    self.number = number
    self.peer = peer
    self.mayCall = mayCall
    self.server = server
    self.socket = socket
    lastActive = server.tick()
    reader = MessageReader(limitBytes: mayCall ? server.limits.messageBytes : Self.strangerBytes)
    token = try server.loop.add(self.socket.descriptor, for: interest) { [weak self] in self?.handle($0) }
  }

  /// Nothing is under way for it, or it doesn't read what is.
  var isDispensable: Bool {
    guard current == nil, holds.isEmpty else { return false }
    if !queue.isEmpty { return true }
    let readiness = socket.descriptor.readiness()
    return readiness.contains(.hangUp) || !readiness.contains(.readable) && !hasUnhandled
  }

  var isMonitor: Bool { current?.isEndless ?? false }

  func close() {
    guard !isClosed else { return }
    isClosed = true
    if let token { server.loop.remove(token, socket.descriptor) }
    token = nil
    current = nil
    // The descriptor is closed with us: nobody but the server keeps us.
    server.closed(self)
    for hold in holds { _ = try? server.manager?.release(hold.unit, id: hold.id) }
    holds = []
  }

  // MARK: what the kernel says

  private func handle(_ readiness: Readiness) {
    if readiness.contains(.writable) { flush() }
    if interest.contains(.readable), !readiness.isDisjoint(with: [.readable, .hangUp, .error]) {
      read()
    } else if readiness.contains(.readHangUp), !isClosed {
      isHalfClosed = true
      // It will never call again, and there is no other end to this.
      if isMonitor { return close() }
    }
    // Nobody is left to be answered.
    if readiness.contains(.hangUp), current != nil || isClosing { return close() }
    handleCalls()
  }

  private func read() {
    guard !isClosed else { return }
    var buffer = [UInt8](repeating: 0, count: Self.readBytes)
    do throws(Errno) {
      let count = try socket.descriptor.read(into: &buffer)
      if count == 0 { hasInputEnded = true }
      reader.append(buffer[..<count])
      hasUnhandled = count > 0 || hasUnhandled
    } catch {
      if error != .again { close() }
    }
  }

  /// Answers what has come, as far as it goes now.
  private func handleCalls() {
    guard !isHandling, !isClosed else { return }
    isHandling = true
    var turns = 0
    while hasUnhandled, current == nil, !isClosing, !isClosed, turns < server.limits.callsPerTurn,
      queue.count < server.limits.queueBytes
    {
      turns += 1
      handleNext()
    }
    // Once: others wait, too. What waits behind it has the next turn.
    if !isClosed { current?.produceMore() }
    isHandling = false
    flush()
    if isClosed { return }
    let isDone = hasInputEnded && !hasUnhandled && current == nil
    if isDone || isClosing, queue.isEmpty { return close() }
    updateInterest()
  }

  private func handleNext() {
    do throws(MessageReader.TooLong) {
      guard let message = try reader.next() else {
        hasUnhandled = false
        return
      }
      lastActive = server.tick()
      take(message)
    } catch {
      refuse("it is longer than \(error.limitBytes) bytes")
    }
  }

  private func take(_ message: [UInt8]) {
    do throws(CallError) {
      let call = try Call(message)
      guard mayCall else {
        if !call.oneway { queue.append(Reply.encode(StandardError.permissionDenied)) }
        isClosing = true
        return
      }
      let current = ControlCall(call, of: self)
      self.current = current
      server.answer(current)
    } catch {
      switch error {
      case .standard(let error): queue.append(Reply.encode(error))
      case .malformed(.notUTF8): refuse("it isn't UTF-8")
      case .malformed(.notJSON): refuse("it isn't a JSON object")
      case .malformed(.tooDeep(let limit)): refuse("it is nested more than \(limit) levels deep")
      }
    }
  }

  /// What follows can't be understood either.
  private func refuse(_ reason: String) {
    queue.append(ControlReply.badMessage(reason))
    isClosing = true
  }

  // MARK: replies

  /// More may be said without having to wait for its reader.
  var hasRoom: Bool { !isClosed && queue.count < server.limits.queueBytes }

  var isOpen: Bool { !isClosed }

  func send(_ bytes: [UInt8]) {
    guard !isClosed else { return }
    queue.append(bytes)
    if isHandling { return }
    flush()
    updateInterest()
  }

  /// The current call has been answered.
  func finished(_ call: ControlCall) {
    guard current === call else { return }
    current = nil
    // What waited behind it has its turn.
    handleCalls()
  }

  func announce(_ bytes: [UInt8]) {
    guard let current, queue.count + bytes.count <= server.limits.queueBytes else {
      self.current?.fail(ControlReply.tooSlow)
      return
    }
    current.send(bytes)
  }

  func keep(_ hold: UnitHold, of unit: String) { holds.append((unit, hold.id)) }

  private func flush() {
    do throws(Errno) {
      while !queue.isEmpty, !isClosed { queue.sent(try socket.send(queue.bytes, from: queue.start)) }
    } catch {
      // Gone: calls that want no reply are still carried out.
      if error != .again { queue.clear() }
    }
  }

  private func updateInterest() {
    var wanted: Readiness = []
    if !hasInputEnded, !isClosing, !hasUnhandled, current == nil { wanted.insert(.readable) }
    // A call may take minutes, and we don't read meanwhile.
    if current != nil, !isHalfClosed { wanted.insert(.readHangUp) }
    let hasMore = hasUnhandled && current == nil || current?.hasMore ?? false
    if !queue.isEmpty || hasMore { wanted.insert(.writable) }
    guard wanted != interest, let token else { return }
    interest = wanted
    server.loop.change(token, socket.descriptor, to: wanted)
  }
}
