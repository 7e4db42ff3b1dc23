import Linux

/// Calls that a seccomp filter sends to us. Nothing gets around it, and it tells when the last process is gone.
final class SeccompTrap: CallTrap {
  private let listener: SeccompListener
  private let loop: EventLoop
  private let disposal: Disposal
  private var scanBudget = ScanBudget()
  private var token: EventLoop.Token?
  var onCall: ((Call) -> Void)?
  var onHangUp: (() -> Void)?
  var onWarning: ((String) -> Void)?
  let tellsEnd = true

  init(_ listener: consuming SeccompListener, loop: EventLoop, disposal: Disposal) throws(Errno) {
    self.listener = listener
    self.loop = loop
    self.disposal = disposal
    token = try loop.add(self.listener.descriptor, for: .readable) { [weak self] in self?.handle($0) }
    disposal.onRoom = { [weak self] in
      if let self, let token { self.loop.change(token, self.listener.descriptor, to: .readable) }
    }
  }

  func close() {
    if let token { loop.remove(token, listener.descriptor) }
    token = nil
  }

  private func handle(_ readiness: Readiness) {
    if readiness.contains(.readable), disposal.isClogged, !disposal.isHopeless, let token {
      // It waits in its bind() until what it has made us take is closed.
      loop.change(token, listener.descriptor, to: [])
    } else if readiness.contains(.readable) {
      // One call an event: a service that floods us waits its turn among the others.
      do throws(Errno) {
        if let call = try listener.receive() { onCall?(call) }
      } catch { onWarning?("cannot receive the service's bind(): \(error)") }
    } else if !readiness.isDisjoint(with: [.hangUp, .error]) {
      close()
      onHangUp?()
    }
  }

  // MARK: what a call says

  func isValid(_ call: Call) -> Bool { listener.isValid(call) }

  func address(of call: Call) -> [UInt8]? {
    // sockaddr_un is the shortest with a name of one byte, sockaddr_storage the longest that the kernel takes.
    guard call.arguments.count == 6 else { return nil }
    // An int to the kernel: whatever a compiler has left in the register's other half says nothing.
    let length = Int32(truncatingIfNeeded: call.arguments[2])
    guard (3...128).contains(length) else { return nil }
    return SeccompListener.memory(ofThread: call.thread, at: call.arguments[1], count: Int(length))
  }

  func path(of call: Call) -> [UInt8]? {
    SeccompListener.string(ofThread: call.thread, at: call.arguments[call.kind == .unlinkat ? 1 : 0])
  }

  func message(of call: Call) -> (address: UnixAddress, bytes: [UInt8])? {
    SeccompListener.message(ofThread: call.thread, at: call.arguments[1])
  }

  func file(of call: Call) throws(Errno) -> ForeignFile? {
    let number = Int32(truncatingIfNeeded: call.arguments[0])
    guard number >= 0 else { return nil }
    // What is no socket isn't touched. It can be replaced by something else before it is taken: see Disposal.
    guard ProcessFiles.socketInode(of: call.thread, number: number) != nil else { return nil }
    return ForeignFile(try ProcessHandle.file(ofThread: call.thread, number: number), disposal)
  }

  func directory(of call: Call, path: String, from directory: Int32?) -> FileIdentity? {
    ProcessFiles.directory(ofThread: call.thread, path: path, from: directory)
  }

  // MARK: answers

  func letGo(_ call: Call) { listener.letGo(call) }
  func succeed(_ call: Call) { listener.succeed(call) }
  func fail(_ call: Call, _ error: Errno) { listener.fail(call, error) }

  func place(_ held: borrowing OwnedFD, for request: borrowing Adoption.Request) throws(Errno) {
    let thread = request.call.thread
    // Close-on-exec belongs to the number. A server may have duplicated its socket, and may have registered it in epoll,
    // before bind: both would go on with the socket that is replaced here.
    let begin = MonotonicClock.now()
    let found = SocketPlaces(
      of: try request.file.descriptor.inode(), at: request.number, thread: thread,
      looksFurther: scanBudget.isLeft(at: begin))
    scanBudget.spend(since: begin, until: MonotonicClock.now())
    if found.isCut {
      onWarning?(
        "the service has so many descriptors, or calls bind() so often, that duplicates and epoll registrations of a held "
          + "socket may have been missed")
    }
    for place in found.places {
      try listener.place(held, at: place.number, closesOnExec: place.closesOnExec, for: request.call)
    }
    // Their old registrations went with the old socket.
    for (epoll, registration) in found.registrations { try register(held, registration, in: epoll, of: request.call) }
  }

  private func register(
    _ held: borrowing OwnedFD, _ registration: ProcessFiles.Registration, in epoll: Int32, of call: Call
  ) throws(Errno) {
    do throws(Errno) {
      guard ProcessFiles.file(of: call.thread, number: epoll) == "anon_inode:[eventpoll]" else { return }
      let instance = ForeignFile(try ProcessHandle.file(ofThread: call.thread, number: epoll), disposal)
      try SeccompListener.register(
        held, as: registration.number, in: instance.descriptor, events: registration.events, data: registration.data)
    } catch {
      guard listener.isValid(call) else { throw error }
      onWarning?("cannot restore the service's epoll registration of a held socket: \(error)")
    }
  }
}
