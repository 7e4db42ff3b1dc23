import Foundation
import Glibc
import Linux
import Testing

@testable import Torpor

@Suite(.serialized) struct SupervisorNotifierTests {
  /// A supervisor that hears by an abstract name, as NotifyReceiver's services.
  private final class Supervisor {
    let socket: DatagramSocket
    init() throws { socket = try DatagramSocket(takesDescriptors: false) }

    func hear() -> [String]? {
      guard let datagram = socket.receive() else { return nil }
      #expect(datagram.pid == getpid())
      return String(decoding: datagram.bytes, as: UTF8.self).split(separator: "\n").map(String.init)
    }
  }

  private func make(_ loop: EventLoop, _ variables: [String: String]) -> SupervisorNotifier? {
    SupervisorNotifier(loop: loop) { variables[$0] }
  }

  @Test func theSupervisorHearsOfEachStep() throws {
    let supervisor = try Supervisor()
    let notifier = try #require(try make(EventLoop(), ["NOTIFY_SOCKET": supervisor.socket.name]))
    notifier.ready("30 units, 2 running")
    #expect(supervisor.hear() == ["READY=1", "STATUS=30 units, 2 running"])
    notifier.status("nothing\nREADY=0")
    // What a status says is no line of its own.
    #expect(supervisor.hear() == ["STATUS=nothingREADY=0"])
    let before = MonotonicClock.now() / 1000
    notifier.reloading("reading units")
    let heard = try #require(supervisor.hear())
    #expect(heard.count == 3)
    #expect(heard[0] == "RELOADING=1")
    let moment = try #require(UInt64(heard[1].dropFirst("MONOTONIC_USEC=".count)))
    #expect((before...MonotonicClock.now() / 1000).contains(moment))
    notifier.mainProcess(42)
    notifier.stopping("ending")
    #expect(supervisor.hear() == ["MAINPID=42"])
    #expect(supervisor.hear() == ["STOPPING=1", "STATUS=ending"])
    #expect(supervisor.hear() == nil)
  }

  @Test func aSupervisorAtAPathMayBeStartedAnew() throws {
    let directory = try TestDirectory()
    let path = directory.path("notify")
    func listen() throws -> UnixSocket {
      unlink(path)
      let socket = try UnixSocket(.datagrams)
      try socket.bind(to: try #require(UnixAddress(path: path)))
      return socket
    }
    func hear(_ socket: borrowing UnixSocket) -> String? {
      var buffer = [UInt8](repeating: 0, count: 200)
      guard let count = try? socket.descriptor.read(into: &buffer) else { return nil }
      return String(decoding: buffer[..<count], as: UTF8.self)
    }
    let notifier = try #require(try make(EventLoop(), ["NOTIFY_SOCKET": path]))
    // Nobody is there yet: nothing happens.
    notifier.status("lost")
    do {
      let first = try listen()
      notifier.status("one")
      let heard = hear(first)
      #expect(heard == "STATUS=one")
    }
    notifier.status("lost, too")
    let second = try listen()
    notifier.status("two")
    let heard = hear(second)
    #expect(heard == "STATUS=two")
  }

  @Test func whoHasNoRoomIsToldLaterAndNotWaitedFor() throws {
    let supervisor = try Supervisor()
    let loop = try EventLoop()
    let notifier = try #require(make(loop, ["NOTIFY_SOCKET": supervisor.socket.name]))
    // net.unix.max_dgram_qlen, and what is kept beyond it.
    let setting = ProcessFiles.contents(of: "/proc/sys/net/unix/max_dgram_qlen")?.split(separator: "\n").first
    let limit = (setting.flatMap { Int($0) } ?? 10) + 5
    for number in 0..<limit { notifier.status("\(number)") }
    notifier.ready("all")
    var heard: [String] = []
    let end = MonotonicClock.now() + 5_000_000_000
    var timer = try Timer()
    try timer.set(to: MonotonicClock.now())
    let token = try loop.add(timer.descriptor, for: .readable) { [loop] _ in
      timer.acknowledge()
      if let lines = supervisor.hear() { heard += lines }
      if heard.last == "STATUS=all" || MonotonicClock.now() > end { return loop.stop() }
      try? timer.set(to: MonotonicClock.now())
    }
    try loop.run()
    loop.remove(token, timer.descriptor)
    #expect(heard == (0..<limit).map { "STATUS=\($0)" } + ["READY=1", "STATUS=all"])
  }

  @Test func aWatchdogHearsOfUsTwiceAsOftenAsItMust() throws {
    let supervisor = try Supervisor()
    let loop = try EventLoop()
    let variables = [
      "NOTIFY_SOCKET": supervisor.socket.name, "WATCHDOG_USEC": "40000", "WATCHDOG_PID": "\(getpid())",
    ]
    let notifier = try #require(make(loop, variables))
    notifier.ready("")
    #expect(supervisor.hear() == ["READY=1", "STATUS="])
    var moments: [UInt64] = []
    let token = try loop.add(supervisor.socket.descriptor, for: .readable) { [loop] _ in
      #expect(supervisor.hear() == ["WATCHDOG=1"])
      moments.append(MonotonicClock.now())
      if moments.count == 5 { loop.stop() }
    }
    try loop.run()
    loop.remove(token, supervisor.socket.descriptor)
    let interval = (moments[4] - moments[0]) / 4
    // 20 ms; the upper bound is for a machine that has other things to do.
    #expect(interval >= 19_000_000)
    #expect(interval < 40_000_000)
  }

  @Test(arguments: [
    ["WATCHDOG_USEC": "1000", "WATCHDOG_PID": "1"], ["WATCHDOG_USEC": "x"], ["WATCHDOG_USEC": "0"], [:],
  ])
  func whereNobodyWatchesNothingIsSent(variables: [String: String]) throws {
    let supervisor = try Supervisor()
    let all = variables.merging(["NOTIFY_SOCKET": supervisor.socket.name]) { $1 }
    let notifier = try #require(try make(EventLoop(), all))
    notifier.ready("")
    #expect(supervisor.hear() == ["READY=1", "STATUS="])
    #expect(supervisor.hear() == nil)
  }

  @Test(arguments: ["", "@", "relative", "vsock:2:1234", "/" + String(repeating: "x", count: 200)])
  func anAddressThatIsNoneIsPassedOver(text: String) throws {
    let loop = try EventLoop()
    #expect(make(loop, ["NOTIFY_SOCKET": text]) == nil)
    #expect(make(loop, [:]) == nil)
  }
}
