import Glibc
import Lifecycle
import Linux
import Testing

@testable import Torpor

/// On the real kernel: a held UDP socket, of which the service has a duplicate.
@Suite(.serialized) struct DatagramSenseTests {
  private let loop: EventLoop
  private let held: HeldDatagramSocket

  init() throws {
    loop = try EventLoop()
    let free = try UDPSocket(.v4)
    try free.bind(to: .loopback(.v4, port: 0))
    let address = ListenAddress.Socket(address: try free.localAddress(), isIPv6Only: false, isOptional: false)
    held = try Self.hold(consume free, address, loop)
  }

  private static func hold(
    _ free: consuming UDPSocket, _ address: ListenAddress.Socket, _ loop: EventLoop
  ) throws -> HeldDatagramSocket {
    _ = consume free
    return try HeldDatagramSocket(address, index: 0, nameIndex: 0, settings: SocketSettings(), loop: loop)
  }

  private func send(from number: Int32, to port: UInt16) {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = in_addr_t(0x7f00_0001).bigEndian
    let sent = withUnsafePointer(to: address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        sendto(number, "x", 1, 0, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    #expect(sent == 1)
  }

  /// As of a server that has asked for errors (IP_RECVERR), and whose client didn't wait for its answer.
  @Test func anErrorThatTheServiceDoesNotReadIsNoBusyLoop() throws {
    held.watch(for: .shutDownOnly)
    try held.group.current.set(Int32(IPPROTO_IP), 11 /* IP_RECVERR */, to: 1)
    let gone = try UDPSocket(.v4)
    try gone.bind(to: .loopback(.v4, port: 0))
    let port = try gone.localAddress().port
    close(consume gone)
    send(from: held.number, to: port)
    var polled = pollfd(fd: held.number, events: 0, revents: 0)
    #expect(poll(&polled, 1, 2000) == 1)
    #expect(polled.revents == Int16(POLLERR))
    var isOver = false
    let alarm = Alarm(loop: loop)
    alarm.onDue = { isOver = true }
    alarm.set(to: MonotonicClock.now() + 300_000_000)
    var turns = 0
    while !isOver {
      try loop.turn()
      turns += 1
    }
    #expect(turns < 10)
  }

  private func close(_ socket: consuming UDPSocket) { _ = consume socket }

  @Test func aPersonIsToldWhatIsUnreadAndWhatCannotBeSeen() throws {
    let sense = DatagramSense { [held] in [held] }
    func lines() -> [String] { sense.explain().map { "\($0.isBusy ? "busy" : "quiet") \($0.line)" } }
    #expect(lines() == ["quiet \(held.name): nothing was received"])
    let client = try UDPSocket(.v4)
    send(from: client.descriptor.number, to: held.address.port)
    #expect(lines() == ["busy \(held.name): something waits to be read"])
    var buffer = [UInt8](repeating: 0, count: 8)
    #expect(try held.group.current.descriptor.read(into: &buffer) == 1)
    let read = lines()
    #expect(read.count == 1 && read[0].hasPrefix("quiet \(held.name): the last datagram came "))
    // What the service's own wish for stamps hides is told for as long as it does.
    try held.group.current.set(SOL_SOCKET, SO_TIMESTAMP, to: 1)
    #expect(lines() == ["busy \(held.name): the service keeps the time stamps (SO_TIMESTAMP): it counts as busy"])
  }
}
