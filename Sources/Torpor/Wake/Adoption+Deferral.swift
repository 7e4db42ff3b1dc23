import Linux

/// The exchange of a service's own sockets for the held ones at READY=1.
///
/// A descriptor of another process can be replaced only while one of its calls waits for us. The sendmsg() by which
/// libsystemd says READY=1 is such a call. Who says it otherwise is served by relays.
extension Adoption {
  /// Binds the socket of a bind() where nobody looks for it. Returns whether that is done; else it gets the held one now.
  func isDeferred(
    _ request: borrowing Request, _ held: Deferral.Dummy.Held, family: SocketAddress.Family? = nil
  ) -> Bool {
    guard let deferral, !deferral.isOver else { return false }
    do throws(Errno) {
      let inode = try request.file.descriptor.inode()
      if deferral.dummies.contains(where: { $0.inode == inode }) { return true }
      // One of LISTEN_FDS that it binds nonetheless.
      guard try inode != held.inode(), deferral.dummies.count < Deferral.dummiesMax else { return false }
      let place: Deferral.Dummy.Place =
        if let family {
          .port(try TCPSocket.bindToLoopback(request.file.descriptor, family))
        } else {
          .name(
            try UnixSocket.bindToAnyName(request.file.descriptor),
            UnixSocket.kind(of: request.file.descriptor) ?? .stream)
        }
      let file = ForeignFile(try request.file.descriptor.duplicate(), disposal)
      deferral.dummies.append(Deferral.Dummy(held, at: place, number: request.number, inode: inode, file: file))
      return true
    } catch {
      warn("cannot keep \(held.name) from the service until it is ready", error)
      return false
    }
  }

  /// Whether the service has bound a held address, by the socket that we hold or by its own for now.
  func isBound(_ index: Int) -> Bool {
    adopted.contains(index) || deferral?.dummies.contains { $0.held.index == index } ?? false
  }

  /// A sendmsg() that may say READY=1 to us. All others go on.
  func answerMessage(_ call: Call) {
    guard let deferral, !deferral.isOver, deferral.pending == nil, call.arguments.count == 6,
      let message = listener.message(of: call),
      message.address == deferral.notifyAddress, NotifyReceiver.saysReady(message.bytes), listener.isValid(call)
    else { return listener.letGo(call) }
    deferral.pending = call
    exchange()
  }

  /// READY=1 has come by a way that we weren't asked on.
  func becameReady() {
    guard let deferral, !deferral.isOver else { return }
    exchange(isLastLook: true)
    if deferral.isOver { return }
    let held = inodes(of: processes?() ?? [])
    relay(deferral.dummies.filter { held.contains($0.inode) }, .otherCall)
    end(deferral)
  }

  private func exchange(isLastLook: Bool = false) {
    guard let deferral, let call = deferral.pending else { return }
    guard listener.isValid(call) else {
      // Killed meanwhile. Another one may be ready yet.
      deferral.pending = nil
      return
    }
    let here = ProcessFiles.descriptors(of: call.thread)
    // Who sends has a descriptor at least: none means that we may not see them.
    let own = here.isEmpty ? Set(deferral.dummies.map(\.inode)) : inodes(of: [call.thread])
    let process = ProcessFiles.threadGroup(of: call.thread)
    let others = inodes(of: (processes?() ?? []).filter { $0 != process })
    let isShared = deferral.dummies.contains { own.contains($0.inode) && others.contains($0.inode) }
    if isShared, !isLastLook, deferral.lookAgain({ [weak self] in self?.exchange() }) { return }

    var placed: [Deferral.Dummy] = []
    var left: [Deferral.Dummy] = []
    for dummy in deferral.dummies {
      // What another process has, too, can't be replaced there: both go on with what they have.
      if others.contains(dummy.inode) {
        left.append(dummy)
      } else if own.contains(dummy.inode) {
        if put(dummy, for: call) { placed.append(dummy) } else { left.append(dummy) }
      }
    }
    deferral.pending = nil
    // Answered first: the datagram comes to us after it, and with it what readiness brings.
    listener.letGo(call)
    end(deferral)
    for dummy in placed {
      switch dummy.held {
      case .tcp(let socket, let covered): note(socket, covering: covered)
      case .path(let socket): note(socket.index)
      }
    }
    relay(left, .otherProcess)
    let places = placed.map(\.place)
    // By then the service's own sockets are gone, but for threads that wait in a call on one.
    deferral.later(milliseconds: 10) { for place in places { Self.rouse(place) } }
  }

  private func put(_ dummy: Deferral.Dummy, for call: Call) -> Bool {
    let wanted = "socket:[\(dummy.inode)]"
    let number = ProcessFiles.descriptors(of: call.thread).first {
      ProcessFiles.file(of: call.thread, number: $0) == wanted
    }
    do throws(Errno) {
      let request = Request(
        call: call, number: number ?? dummy.number, file: ForeignFile(try dummy.file.descriptor.duplicate(), disposal))
      switch dummy.held {
      case .tcp(let socket, _):
        socket.group.adoptOptions(from: dummy.file.descriptor)
        try place(socket.group.current.descriptor, for: request)
      case .path(let socket):
        socket.group.adoptOptions(from: dummy.file.descriptor)
        try place(socket.group.current.descriptor, for: request)
      }
      return true
    } catch {
      warn("cannot put \(dummy.held.name) in place when the service is ready", error)
      return false
    }
  }

  /// A thread that waits in accept() or poll() goes on waiting for the socket that it began with. A connection that ends at
  /// once makes it look again.
  private static func rouse(_ place: Deferral.Dummy.Place) {
    // Nobody is there, as a rule: refused.
    switch place {
    case .port(let address):
      if let client = try? TCPSocket(address.family) { _ = try? client.connect(to: address) }
    case .name(let name, let type):
      if let client = try? UnixSocket(type) { try? client.connect(to: name) }
    }
  }

  private func end(_ deferral: Deferral) {
    deferral.isOver = true
    deferral.dummies = []
    deferral.close()
  }

  // MARK: who can't be reached

  private func relay(_ dummies: [Deferral.Dummy], _ reason: RelayReason) {
    for dummy in dummies {
      switch (dummy.held, dummy.place) {
      case (.tcp(let socket, let covered), .port(let address)):
        for socket in [socket] + covered {
          socket.relayTarget = address
          note(socket.index)
        }
      case (.path(let socket), .name(let name, _)):
        socket.relayTarget = name
        note(socket.index)
      default: break
      }
    }
    if !dummies.isEmpty { onRelayed?(reason, dummies.map(\.held.name)) }
  }

  /// Why held sockets couldn't be put in place.
  enum RelayReason: Hashable { case otherCall, otherProcess }

  /// Inodes of all sockets that these have open.
  private func inodes(of processes: [Int32]) -> Set<UInt64> {
    var found: Set<UInt64> = []
    for process in processes {
      for number in ProcessFiles.descriptors(of: process) {
        if let inode = ProcessFiles.socketInode(of: process, number: number) { found.insert(inode) }
      }
    }
    return found
  }
}

extension Deferral.Dummy.Held {
  var name: String {
    switch self {
    case .tcp(let socket, _): socket.name
    case .path(let socket): socket.name
    }
  }

  fileprivate var index: Int {
    switch self {
    case .tcp(let socket, _): socket.index
    case .path(let socket): socket.index
    }
  }

  fileprivate func inode() throws(Errno) -> UInt64 {
    switch self {
    case .tcp(let socket, _): try socket.group.current.descriptor.inode()
    case .path(let socket): try socket.group.current.descriptor.inode()
    }
  }
}
