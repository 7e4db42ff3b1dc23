import Linux

/// Makes a server's own bind() land on the socket that we hold for that address.
///
/// The server is the other side: its memory, its descriptors and its threads can change at any moment, and all that can be
/// gained by that is a bind() of its own that goes wrong. It never gets a socket of another service.
final class Adoption {
  private let listener: SeccompListener
  private let sockets: [HeldSocket]
  private let loop: EventLoop
  private var token: EventLoop.Token?
  private var adopted: Set<Int> = []
  /// Processes that have bound one of our sockets: the first still alive is the main one of a service in the background.
  private(set) var binders: [Int32] = []
  /// TCP addresses that it has bound and that aren't held: the first place to look when it never binds ours.
  private(set) var strangers: [SocketAddress] = []
  var onAdopted: ((Int) -> Void)?
  var onHangUp: (() -> Void)?
  var onWarning: ((String) -> Void)?

  /// A warning of each kind is told once: a service can't flood our log.
  private var warned: Set<String> = []

  init(_ listener: consuming SeccompListener, sockets: [HeldSocket], loop: EventLoop) throws(Errno) {
    self.listener = listener
    self.sockets = sockets
    self.loop = loop
    token = try loop.add(self.listener.descriptor, for: .readable) { [weak self] in self?.handle($0) }
  }

  func close() {
    if let token { loop.remove(token, listener.descriptor) }
    token = nil
  }

  private func handle(_ readiness: Readiness) {
    if readiness.contains(.readable) {
      // One call an event: a service that floods us waits its turn among the others.
      do throws(Errno) {
        if let call = try listener.receive() { answer(call) }
      } catch { warn("cannot receive the service's bind()", error) }
    } else if !readiness.isDisjoint(with: [.hangUp, .error]) {
      close()
      onHangUp?()
    }
  }

  private func warn(_ text: String, _ error: Errno) {
    guard warned.insert(text).inserted else { return }
    onWarning?("\(text): \(error)")
  }

  /// A bind(2) of the service, with all that has to be known about it.
  private struct Request: ~Copyable {
    let call: SeccompListener.Call
    let number: Int32
    let file: OwnedFD
    let address: SocketAddress
    let isIPv6Only: Bool
  }

  private func answer(_ call: SeccompListener.Call) {
    do throws(Errno) {
      guard let request = try request(call) else { return listener.letGo(call) }
      guard let match = match(request) else {
        if strangers.count < 8, !strangers.contains(request.address) { strangers.append(request.address) }
        return listener.letGo(call)
      }
      try adopt(request, match.socket)
      // Answered first: what readiness brings with it costs time, and whatever the server does next comes to us later.
      listener.succeed(call)
      note(match.socket, covering: match.covered, by: call.thread)
    } catch {
      // The server's own bind() then says EADDRINUSE, which is true: we hold the address.
      warn("cannot put a held socket in place of the service's own", error)
      listener.letGo(call)
    }
  }

  private func request(_ call: SeccompListener.Call) throws(Errno) -> Request? {
    guard call.kind == .bind, call.arguments.count == 6 else { return nil }
    let number = Int32(truncatingIfNeeded: call.arguments[0])
    let length = call.arguments[2]
    // sockaddr_in is the shortest that matters, sockaddr_storage the longest that the kernel takes.
    guard number >= 0, (16...128).contains(length) else { return nil }
    guard let bytes = SeccompListener.memory(ofThread: call.thread, at: call.arguments[1], count: Int(length)),
      let address = SocketAddress(sockaddr: bytes), address.port != 0
    else { return nil }
    let file = try ProcessHandle.file(ofThread: call.thread, number: number)
    // The thread's number was used: it was the caller's own if the caller still waits.
    guard listener.isValid(call) else { return nil }
    guard let kind = TCPSocket.kind(of: file), kind.isTCP else { return nil }
    let isIPv6Only = address.family == .v6 && kind.isIPv6Only
    return Request(call: call, number: number, file: file, address: address, isIPv6Only: isIPv6Only)
  }

  private func match(_ request: borrowing Request) -> (socket: HeldSocket, covered: [HeldSocket])? {
    let held = sockets.map { socket in
      AddressMatch.Held(
        index: socket.index, address: socket.address, isIPv6Only: socket.group.current.isIPv6Only(),
        isAdopted: adopted.contains(socket.index))
    }
    guard
      let match = AddressMatch(bind: request.address, isIPv6Only: request.isIPv6Only, among: held),
      let socket = sockets.first(where: { $0.index == match.index })
    else { return nil }
    return (socket, sockets.filter { match.alsoCovered.contains($0.index) })
  }

  private func note(_ socket: HeldSocket, covering covered: [HeldSocket], by thread: Int32) {
    if let process = ProcessFiles.threadGroup(of: thread), !binders.contains(process), binders.count < 256 {
      binders.append(process)
    }
    if socket.relayTarget != nil {
      // Relayed until now, as an earlier bind() covered it; the service takes it itself after all.
      socket.relayTarget = nil
      socket.watch(for: .shutDownOnly)
    }
    if adopted.insert(socket.index).inserted { onAdopted?(socket.index) }
    for other in covered {
      other.relayTarget = socket.address
      onAdopted?(other.index)
    }
  }

  // MARK: putting it in place

  private func adopt(_ request: borrowing Request, _ socket: HeldSocket) throws(Errno) {
    let thread = request.call.thread
    let inode = try request.file.inode()
    // Bound already, by an earlier bind() or as one of LISTEN_FDS: nothing to do.
    if inode == (try socket.group.current.descriptor.inode()) { return }

    if request.address.family == .v4, socket.address.family == .v6, warned.insert("family").inserted {
      onWarning?(
        "it asked for \(request.address) and gets \(socket.address), an IPv6 socket: it may show IPv4 clients' addresses "
          + "wrongly; hold \(request.address) to avoid that")
    }

    // O_NONBLOCK and O_ASYNC belong to the open file, which we and every process of the service share: a server that
    // counts on blocking would spin on EAGAIN.
    let flags = try request.file.statusFlags()
    try socket.group.current.descriptor.setStatusFlags(flags)
    socket.group.current.copyOptions(from: request.file)

    // Close-on-exec belongs to the number. A server may have duplicated its socket, and may have registered it in epoll,
    // before bind: both would go on with the socket that is replaced here.
    let wanted = "socket:[\(inode)]"
    var places: [(number: Int32, closesOnExec: Bool)] = []
    var registrations: [(epoll: Int32, registration: ProcessFiles.Registration)] = []
    var epolls: [Int32] = []
    for number in ProcessFiles.descriptors(of: thread) {
      switch ProcessFiles.file(of: thread, number: number) {
      case wanted: places.append((number, ProcessFiles.closesOnExec(thread, number: number)))
      case "anon_inode:[eventpoll]": epolls.append(number)
      case .some, nil: break
      }
    }
    for epoll in epolls {
      for place in places {
        registrations += ProcessFiles.registrations(in: epoll, of: thread, for: place.number, inode: inode)
          .map { (epoll, $0) }
      }
    }
    // /proc may have been unreadable (a process that isn't dumpable): the number itself is known in any case.
    if !places.contains(where: { $0.number == request.number }) { places.append((request.number, true)) }
    for place in places {
      try listener.place(
        socket.group.current.descriptor, at: place.number, closesOnExec: place.closesOnExec, for: request.call)
    }
    // Their old registrations went with the old socket.
    for (epoll, registration) in registrations {
      do throws(Errno) {
        let instance = try ProcessHandle.file(ofThread: thread, number: epoll)
        try SeccompListener.register(
          socket.group.current.descriptor, as: registration.number, in: instance, events: registration.events,
          data: registration.data)
      } catch { warn("cannot restore the service's epoll registration of a held socket", error) }
    }
  }
}
