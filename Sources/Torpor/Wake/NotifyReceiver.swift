import Linux

/// Receives sd_notify(3) from the service's processes, and from nobody else.
///
/// All of it is bounded: 32 datagrams in a turn of the loop, of at most 4 KiB; who floods us is heard at the pace of the loop.
final class NotifyReceiver {
  private let socket: DatagramSocket
  private let loop: EventLoop
  private let disposal: Disposal
  private var token: EventLoop.Token?
  /// Whether a pid is one of those whose word counts. Asked for each message that says something.
  var isAccepted: ((Int32) -> Bool)?
  /// Whether it is the service's at all; if so, that its word doesn't count is told.
  var isOurs: ((Int32) -> Bool)?
  var onMessage: ((NotifyMessage) -> Void)?
  var onWarning: ((String) -> Void)?
  private var hasWarned = false
  private var hasRefusedDescriptors = false
  /// How many MAINPID= named none of the service's processes. To find that out takes a look at all of them, so one that goes on
  /// with it isn't listened to any more.
  var refusedMainPIDs = 0
  var looksAtMainPIDs: Bool { refusedMainPIDs < 16 }
  /// Once it has said READY=1, to say so again says nothing.
  private var isReady = false
  /// A sender that was asked about lately, and until when the answer holds.
  private var known: (pid: Int32, until: UInt64)?
  private static let knownFor: UInt64 = 100_000_000
  private let alarm: Alarm
  private static let pauseNanoseconds: UInt64 = 100_000_000

  /// `takesDescriptors`: for sd_notify_barrier(3), which anybody else can abuse, so that `disposal` had better be for these alone.
  init(loop: EventLoop, disposal: Disposal, takesDescriptors: Bool) throws(Errno) {
    self.loop = loop
    self.disposal = disposal
    alarm = Alarm(loop: loop)
    socket = try DatagramSocket(takesDescriptors: takesDescriptors)
    token = try loop.add(socket.descriptor, for: .readable) { [weak self] _ in self?.receive() }
  }

  func close() {
    if let token { loop.remove(token, socket.descriptor) }
    token = nil
    alarm.set(to: nil)
  }

  /// For NOTIFY_SOCKET. Abstract, so that a service in a chroot of its own or of another user reaches it, too.
  var name: String { socket.name }

  /// The same as a socket address.
  var address: UnixAddress? { UnixAddress(abstract: String(socket.name.dropFirst())) }

  private func receive() {
    for _ in 0..<32 {
      if disposal.isClogged { return pause() }
      guard token != nil, let datagram = socket.receive() else { return }
      // With BARRIER=1 comes one whose being closed says that all before it was read (sd_notify_barrier(3)).
      disposal.dispose(datagram.descriptors)
      guard !datagram.isCut else { continue }
      take(datagram)
    }
  }

  /// More descriptors come than can be closed: the rest waits, and whoever sends it.
  private func pause() {
    guard let token else { return }
    loop.change(token, socket.descriptor, to: [])
    alarm.onDue = { [weak self] in
      guard let self, let token = self.token else { return }
      loop.change(token, socket.descriptor, to: .readable)
    }
    alarm.set(to: MonotonicClock.now() + Self.pauseNanoseconds)
  }

  private func take(_ datagram: DatagramSocket.Datagram) {
    var message = NotifyMessage(datagram.bytes)
    if isReady { message.isReady = false }
    // Whose word it is costs more to find out than what it says. One that says STOPPING=1 may be gone by now.
    let hadStopping = message.isStopping
    message.isStopping = false
    let isOnlyStopping = message.isEmpty
    message.isStopping = hadStopping
    guard !message.isEmpty else { return }
    guard isKnown(datagram.pid) else {
      if !isOnlyStopping { warn(of: datagram.pid) }
      return
    }
    if message.storesDescriptors, !hasRefusedDescriptors {
      hasRefusedDescriptors = true
      onWarning?("it asks for descriptors to be kept (FDSTORE=1), which is not done: they are closed")
    }
    if message.isReady { isReady = true }
    onMessage?(message)
  }

  static func saysReady(_ bytes: [UInt8]) -> Bool { NotifyMessage(bytes).isReady }

  private func isKnown(_ pid: Int32) -> Bool {
    let now = MonotonicClock.now()
    if let known, known.pid == pid, now < known.until { return true }
    guard isAccepted?(pid) == true else { return false }
    known = (pid, now + Self.knownFor)
    return true
  }

  private func warn(of pid: Int32) {
    // One that has ended meanwhile can't be told from the service's own.
    guard !hasWarned, ProcessFiles.name(of: pid) != nil else { return }
    hasWarned = true
    if isOurs?(pid) == true {
      onWarning?(
        "a notification from process \(pid) is ignored: NotifyAccess= lets others of its processes speak for it")
    } else {
      onWarning?("a notification from process \(pid), which is none of the service's, is ignored")
    }
  }
}
