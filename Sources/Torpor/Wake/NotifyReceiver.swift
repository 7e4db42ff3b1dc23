import Linux

/// Receives sd_notify(3) from the service's processes, and from nobody else.
final class NotifyReceiver {
  private let socket: DatagramSocket
  private let loop: EventLoop
  private let disposal: Disposal
  private var token: EventLoop.Token?
  /// Whether a pid belongs to the service.
  var isOurs: ((Int32) -> Bool)?
  var onReady: (() -> Void)?
  var onWarning: ((String) -> Void)?
  private var hasWarned = false
  /// It has been told, and once is enough.
  private var isReady = false

  init(loop: EventLoop, disposal: Disposal) throws(Errno) {
    self.loop = loop
    self.disposal = disposal
    socket = try DatagramSocket()
    token = try loop.add(socket.descriptor, for: .readable) { [weak self] _ in self?.receive() }
  }

  func close() {
    if let token { loop.remove(token, socket.descriptor) }
    token = nil
  }

  /// For NOTIFY_SOCKET. Abstract, so that a service in a chroot of its own or of another user reaches it, too.
  var name: String { socket.name }

  /// The same as a socket address.
  var address: UnixAddress? { UnixAddress(abstract: String(socket.name.dropFirst())) }

  private func receive() {
    // Bounded: who floods us is heard at the pace of the loop.
    for _ in 0..<32 {
      guard let datagram = socket.receive() else { return }
      disposal.dispose(datagram.descriptors)
      // All else is no business of ours, whoever says it: one that says STOPPING=1 may be gone by now. And whose word it is
      // costs more to find out than what it says.
      guard !isReady, Self.saysReady(datagram.bytes), !datagram.isCut else { continue }
      guard isOurs?(datagram.pid) == true else {
        // One that has ended meanwhile can't be told from the service's own.
        if !hasWarned, ProcessFiles.name(of: datagram.pid) != nil {
          hasWarned = true
          onWarning?("a notification from process \(datagram.pid), which is none of the service's, is ignored")
        }
        continue
      }
      isReady = true
      onReady?()
    }
  }

  /// Lines of VARIABLE=VALUE; all but READY=1 are no business of ours yet.
  static func saysReady(_ bytes: [UInt8]) -> Bool {
    bytes.split(separator: UInt8(ascii: "\n")).contains { $0.elementsEqual("READY=1".utf8) }
  }
}
