import Linux

/// Calls that the preloaded library tells of, by a connection for each to an abstract address of one start's own.
///
/// Every process of the service can connect there and say what it likes, and so can everybody else on this machine. Who isn't
/// of the service isn't heard. Who is can gain no more than by a bind(): one of the service's own sockets.
final class ShimTrap: CallTrap {
  let address: UnixAddress
  /// What a process of the service knows from its environment, and others don't.
  let token: [UInt8]
  private let listening: UnixSocket
  private let loop: EventLoop
  private let disposal: Disposal
  private var listeningToken: EventLoop.Token?
  private var exchanges: [UInt64: Exchange] = [:]
  private var lastID: UInt64 = 0
  /// Made when a connection couldn't be taken for the first time.
  private var alarm: Alarm?
  var onCall: ((Call) -> Void)?
  var onHangUp: (() -> Void)?
  var onWarning: ((String) -> Void)?
  /// A process can be without the library.
  let tellsEnd = false
  /// Whether a pid belongs to the service.
  var isOurs: ((Int32) -> Bool)?

  /// Connections at once: more wait in the queue. A service that holds them open hinders its own bind() only.
  private static let connectionsMax = 32
  private static let queueMax: Int32 = 128

  private final class Exchange {
    let connection: ForeignFile
    let pid: Int32
    var token: EventLoop.Token?
    var question: ShimQuestion?
    var socket: ForeignFile?
    var directory: FileIdentity?
    var places: [Place] = []

    init(_ connection: consuming ForeignFile, pid: Int32) {
      self.connection = connection
      self.pid = pid
    }
  }

  private final class Place {
    let inode: UInt64
    let held: OwnedFD
    init(_ held: consuming OwnedFD, insteadOf inode: UInt64) {
      self.held = held
      self.inode = inode
    }
  }

  init(loop: EventLoop, disposal: Disposal) throws(Errno) {
    self.loop = loop
    self.disposal = disposal
    token = (0..<ShimQuestion.tokenBytes).map { _ in UInt8.random(in: .min ... .max) }
    listening = try UnixSocket(.sequencedPackets)
    address = try UnixSocket.bindToAnyName(listening.descriptor)
    try listening.listen(backlog: Self.queueMax)
    listeningToken = try loop.add(listening.descriptor, for: .readable) { [weak self] _ in self?.accept() }
    disposal.onRoom = { [weak self] in self?.goOn() }
  }

  func close() {
    if let listeningToken { loop.remove(listeningToken, listening.descriptor) }
    listeningToken = nil
    alarm = nil
    for id in exchanges.keys { end(id) }
  }

  // MARK: connections

  private func goOn() {
    if let listeningToken { loop.change(listeningToken, listening.descriptor, to: .readable) }
  }

  private func accept() {
    if exchanges.count >= Self.connectionsMax || disposal.isClogged && !disposal.isHopeless, let listeningToken {
      // They wait in their bind() for those before them, and until what they have made us take is closed.
      return loop.change(listeningToken, listening.descriptor, to: [])
    }
    do throws(Errno) {
      // One an event: a flood waits its turn among the others.
      guard let connection = try listening.accept() else { return }
      let peer = try connection.peer().pid
      // Files may be on their way by it already, so it is closed as they are.
      let file = ForeignFile(connection.takeDescriptor(), disposal)
      guard isOurs?(peer) == true else { return }
      lastID += 1
      let id = lastID
      let exchange = Exchange(file, pid: peer)
      exchange.token = try loop.add(exchange.connection.descriptor, for: .readable) { [weak self] in
        self?.handle(id, $0)
      }
      exchanges[id] = exchange
    } catch {
      onWarning?("cannot receive the service's bind(): \(error)")
      pause()
    }
  }

  /// It waits until there may be room again, as a full descriptor table would be met in every turn of the loop.
  private func pause() {
    if let listeningToken { loop.change(listeningToken, listening.descriptor, to: []) }
    let alarm = self.alarm ?? Alarm(loop: loop)
    alarm.onDue = { [weak self] in self?.goOn() }
    self.alarm = alarm
    alarm.set(to: MonotonicClock.now() + Duration.milliseconds(100).nanoseconds)
  }

  private func handle(_ id: UInt64, _ readiness: Readiness) {
    guard let exchange = exchanges[id] else { return }
    // Who has asked and goes before it is answered was killed.
    guard exchange.question == nil, readiness.contains(.readable) else { return end(id) }
    guard receive(exchange), let question = exchange.question else { return end(id) }
    // From now on only its end is of interest.
    if let token = exchange.token { loop.change(token, exchange.connection.descriptor, to: []) }
    onCall?(
      Call(
        id: id, thread: exchange.pid, kind: question.kind,
        arguments: [UInt64(UInt32(bitPattern: question.number)), 0, UInt64(question.address.count), 0, 0, 0]))
  }

  /// Takes what was asked. Returns whether it was the library that asked.
  private func receive(_ exchange: Exchange) -> Bool {
    let packet: Packet
    do throws(Errno) {
      packet = try exchange.connection.descriptor.receivePacket(bytesMax: ShimQuestion.bytesMax)
    } catch { return false }
    guard let question = ShimQuestion(packet.bytes, token: token), question.descriptorCount == packet.descriptors.count
    else {
      disposal.dispose(packet.descriptors)
      return false
    }
    var descriptors = packet.descriptors
    if question.kind == .bind {
      exchange.socket = ForeignFile(OwnedFD(owning: descriptors.removeFirst()), disposal)
    }
    if let number = descriptors.first {
      let directory = ForeignFile(OwnedFD(owning: number), disposal)
      exchange.directory = directory.descriptor.knownIdentity()
    }
    exchange.question = question
    return true
  }

  private func end(_ id: UInt64) {
    guard let exchange = exchanges.removeValue(forKey: id) else { return }
    if let token = exchange.token { loop.remove(token, exchange.connection.descriptor) }
    goOn()
  }

  // MARK: what a call says

  func isValid(_ call: Call) -> Bool {
    guard let exchange = exchanges[call.id] else { return false }
    return exchange.connection.descriptor.readiness().isDisjoint(with: [.hangUp, .error])
  }

  func address(of call: Call) -> [UInt8]? {
    guard let address = exchanges[call.id]?.question?.address, address.count >= 3 else { return nil }
    return address
  }

  func path(of call: Call) -> [UInt8]? {
    guard let path = exchanges[call.id]?.question?.text, !path.isEmpty, !path.contains(0) else { return nil }
    return path
  }

  func message(of call: Call) -> (address: UnixAddress, bytes: [UInt8])? {
    guard let question = exchanges[call.id]?.question, let address = UnixAddress(sockaddr: question.address) else {
      return nil
    }
    return (address, question.text)
  }

  func file(of call: Call) throws(Errno) -> ForeignFile? {
    guard let exchange = exchanges[call.id], let file = exchange.socket.take() else { return nil }
    // By its name alone: to ask any other file may take a while.
    guard ProcessFiles.socketInode(of: ProcessFiles.own, number: file.descriptor.number) != nil else { return nil }
    return consume file
  }

  /// The library has opened it, as it sees it.
  func directory(of call: Call, path: String, from directory: Int32?) -> FileIdentity? { exchanges[call.id]?.directory }

  // MARK: answers

  /// The library finds all the places itself when it has the answer.
  func place(_ held: borrowing OwnedFD, for request: borrowing Adoption.Request) throws(Errno) {
    guard let exchange = exchanges[request.call.id], exchange.places.count < ShimAnswer.placesMax else {
      throw .noProcess
    }
    let inode = try request.file.descriptor.inode()
    exchange.places.append(Place(try held.duplicate(), insteadOf: inode))
  }

  func letGo(_ call: Call) { answer(call, ShimAnswer.goOn) }
  func succeed(_ call: Call) { answer(call, 0) }
  func fail(_ call: Call, _ error: Errno) { answer(call, error.code) }

  private func answer(_ call: Call, _ result: Int32) {
    guard let exchange = exchanges[call.id] else { return }
    let bytes = ShimAnswer.bytes(result, inodes: exchange.places.map(\.inode))
    // It fits: it is the first that is sent by this connection. Who was killed meanwhile gets none.
    try? exchange.connection.descriptor.sendPacket(bytes, descriptors: exchange.places.map { $0.held.number })
    end(call.id)
  }
}
