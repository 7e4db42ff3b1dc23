import Linux

/// Makes a server's own bind() land on the socket that we hold for that address.
///
/// The server is the other side: its memory, its descriptors and its threads can change at any moment, and all that can be
/// gained by that is a bind() of its own that goes wrong. It never gets a socket of another service.
final class Adoption {
  typealias Call = CallTrap.Call

  let listener: any CallTrap
  private let sockets: [HeldTCPSocket]
  let paths: [HeldUnixSocket]
  let datagrams: [HeldDatagramSocket]
  let abstracts: [HeldAbstractSocket]
  let fifos: [HeldFIFO]
  let disposal: Disposal
  private let held: [any HeldSocket]
  private(set) var adopted: Set<Int> = []
  /// Processes that have bound one of our sockets: the first still alive is the main one of a service in the background.
  private(set) var binders: [Int32] = []
  /// Addresses that it has bound and that aren't held: the first place to look when it never binds ours.
  private(set) var strangers: [String] = []
  var onAdopted: ((Int) -> Void)?
  var onHangUp: (() -> Void)?
  /// Held sockets are served by relays, as they couldn't be put in place at READY=1.
  var onRelayed: ((RelayReason, _ names: [String]) -> Void)?
  var onWarning: ((String) -> Void)?
  /// Whether it has yet to become ready: until then nobody is at a held path for it.
  var isStarting: (() -> Bool)?
  /// Whether it tells by itself when no process of the service is left.
  var tellsEnd: Bool { listener.tellsEnd }
  /// Every process of the service that is alive.
  var processes: (() -> [Int32])?
  /// nil: the held sockets are put in place at bind().
  let deferral: Deferral?

  /// A warning of each kind is told once: a service can't flood our log.
  private var warned: Set<String> = []

  /// `notifyAddress`: where the service says READY=1, until which it gets no held stream socket.
  init(
    _ listener: any CallTrap, sockets: [any HeldSocket], deferringUntil notifyAddress: UnixAddress?,
    loop: EventLoop, disposal: Disposal
  ) {
    self.disposal = disposal
    held = sockets
    self.listener = listener
    deferral = notifyAddress.map { Deferral(until: $0, loop: loop) }
    self.sockets = sockets.compactMap { $0 as? HeldTCPSocket }
    paths = sockets.compactMap { $0 as? HeldUnixSocket }
    datagrams = sockets.compactMap { $0 as? HeldDatagramSocket }
    abstracts = sockets.compactMap { $0 as? HeldAbstractSocket }
    fifos = sockets.compactMap { $0 as? HeldFIFO }
    listener.onCall = { [weak self] in self?.answer($0) }
    listener.onHangUp = { [weak self] in
      self?.close()
      self?.onHangUp?()
    }
    listener.onWarning = { [weak self] in self?.warn($0) }
  }

  func close() {
    listener.close()
    deferral?.close()
  }

  func warn(_ text: String, _ error: Errno) {
    guard warned.insert(text).inserted else { return }
    onWarning?("\(text): \(error)")
  }

  func warn(_ text: String) {
    // Whatever it binds, a service can't flood our log.
    guard warned.count < 64, warned.insert(text).inserted else { return }
    onWarning?(text)
  }

  /// A bind(2) of the service, with all that has to be known about it.
  struct Request: ~Copyable {
    let call: Call
    let number: Int32
    let file: ForeignFile
  }

  private func answer(_ call: Call) {
    switch call.kind {
    case .bind: answerBind(call)
    case .connect: answerConnect(call)
    case .unlink, .unlinkat: answerUnlink(call)
    case .sendMessage: answerMessage(call)
    case .other: listener.letGo(call)
    }
  }

  private func answerBind(_ call: Call) {
    guard !disposal.isHopeless else {
      warn("files of the service can't be closed any more: its bind() is no longer adopted")
      return listener.letGo(call)
    }
    do throws(Errno) {
      guard let bytes = listener.address(of: call) else { return listener.letGo(call) }
      if let path = UnixAddress(sockaddr: bytes) { return try answerBind(call, to: path) }
      guard let address = SocketAddress(sockaddr: bytes), address.port != 0, let request = try request(call),
        let kind = TCPSocket.kind(of: request.file.descriptor), kind.isTCP || kind.isUDP,
        // In another network namespace the same address is another one.
        ownNetwork == nil || kind.networkCookie == ownNetwork
      else { return listener.letGo(call) }
      if kind.isUDP { return try answerBind(request, toDatagrams: address, isIPv6Only: kind.isIPv6Only) }
      guard let match = match(address, isIPv6Only: address.family == .v6 && kind.isIPv6Only) else {
        noteStranger(address.description)
        return listener.letGo(call)
      }
      noteBinder(call.thread)
      if isDeferred(request, .tcp(match.socket, covering: match.covered), family: address.family) {
        return listener.succeed(call)
      }
      try adopt(request, address, match.socket)
      // Answered first: what readiness brings with it costs time, and whatever the server does next comes to us later.
      listener.succeed(call)
      note(match.socket, covering: match.covered)
    } catch {
      refuseAdoption(call, error)
    }
  }

  func noteStranger(_ name: String) {
    if strangers.count < 8, !strangers.contains(name) { strangers.append(name) }
  }

  func refuseAdoption(_ call: Call, _ error: Errno) {
    // A caller that was killed meanwhile is nothing to tell of.
    guard listener.isValid(call) else { return }
    // It has closed its descriptor meanwhile, and bind() says so.
    guard error != .badDescriptor else { return listener.letGo(call) }
    // The server's own bind() then says EADDRINUSE, which is true: we hold the address.
    warn("cannot put a held socket in place of the service's own", error)
    listener.letGo(call)
  }

  private lazy var ownNetwork: UInt64? = {
    var cookie: UInt64?
    for socket in held where socket.kind != .unixPath {
      try? socket.withCurrent { cookie = TCPSocket.networkCookie(of: $0) }
    }
    return cookie
  }()

  private func isHeld(_ inode: UInt64) -> Bool {
    held.contains { socket in
      var own: UInt64?
      try? socket.withCurrent { own = try? $0.inode() }
      return own == inode
    }
  }

  /// The socket that the call is about, which has no address yet or is one of ours; nil for all others, and when its caller has
  /// gone.
  func request(_ call: Call) throws(Errno) -> Request? {
    guard let file = try listener.file(of: call) else { return nil }
    // The thread's number was used: it was the caller's own if the caller still waits.
    guard listener.isValid(call) else { return nil }
    // The kernel says EINVAL of a socket that has an address: unless it is ours, which has been put there.
    if TCPSocket.hasAddress(file.descriptor), !isHeld(try file.descriptor.inode()) { return nil }
    return Request(call: call, number: Int32(truncatingIfNeeded: call.arguments[0]), file: file)
  }

  private func match(
    _ address: SocketAddress, isIPv6Only: Bool
  ) -> (socket: HeldTCPSocket, covered: [HeldTCPSocket])? {
    let held = sockets.map { socket in
      AddressMatch.Held(
        index: socket.index, address: socket.address, isIPv6Only: socket.group.current.isIPv6Only(),
        isAdopted: isBound(socket.index))
    }
    guard
      let match = AddressMatch(bind: address, isIPv6Only: isIPv6Only, among: held),
      let socket = sockets.first(where: { $0.index == match.index })
    else { return nil }
    return (socket, sockets.filter { match.alsoCovered.contains($0.index) })
  }

  func note(_ socket: HeldTCPSocket, covering covered: [HeldTCPSocket]) {
    if socket.relayTarget != nil {
      // Relayed until now, as an earlier bind() covered it; the service takes it itself after all.
      socket.relayTarget = nil
      socket.watch(for: .shutDownOnly)
    }
    note(socket.index)
    for other in covered {
      other.relayTarget = socket.address
      onAdopted?(other.index)
    }
  }

  func noteBinder(_ thread: Int32) {
    guard let process = ProcessFiles.threadGroup(of: thread), !binders.contains(process), binders.count < 256 else {
      return
    }
    binders.append(process)
  }

  func note(_ index: Int) {
    if adopted.insert(index).inserted { onAdopted?(index) }
  }

  private func adopt(_ request: borrowing Request, _ address: SocketAddress, _ socket: HeldTCPSocket) throws(Errno) {
    if address.family == .v4, socket.address.family == .v6, warned.insert("family").inserted {
      onWarning?(
        "it asked for \(address) and gets \(socket.address), an IPv6 socket: it may show IPv4 clients' addresses "
          + "wrongly, or close their connections as nginx does; hold \(address), and \(socket.address) beside it")
    }
    // Bound already, by an earlier bind() or as one of LISTEN_FDS: nothing to do.
    if try request.file.descriptor.inode() == socket.group.current.descriptor.inode() { return }
    socket.group.adoptOptions(from: request.file.descriptor)
    try place(socket.group.current.descriptor, for: request)
  }
}
