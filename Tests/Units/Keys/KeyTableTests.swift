import Glibc
import Testing

@testable import Units

@Suite struct KeyTableTests {
  @Test func noKeyComesTwice() {
    for table in KeyTable.all {
      let names = table.keys.map(\.name)
      #expect(
        Set(names).count == names.count, "\(table.section): \(names.filter { name in names.count { $0 == name } > 1 })")
      for key in table.keys { #expect(key.section == table.section, "\(key.section) \(key.name)") }
    }
  }

  /// What systemd itself says that it knows: `systemd --dump-configuration-items`, of 252.
  @Test(.enabled(if: access("/lib/systemd/systemd", X_OK) == 0, "systemd isn't installed"))
  func everyKeyOfSystemdIsClassified() throws {
    let pipe = try #require(popen("/lib/systemd/systemd --dump-configuration-items 2>/dev/null", "r"))
    defer { pclose(pipe) }
    var section = ""
    var missing: [String] = []
    var count = 0
    var buffer = [CChar](repeating: 0, count: 1024)
    while fgets(&buffer, 1024, pipe) != nil {
      let line = String(decoding: buffer.prefix { $0 != 0 && $0 != 10 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
      if line.hasPrefix("[") {
        section = String(line.dropFirst().dropLast())
      } else if let table = KeyTable.named(section), let equals = line.firstIndex(of: "=") {
        let name = String(line[..<equals])
        count += 1
        if table[name] == nil { missing.append("[\(section)] \(name)") }
      }
    }
    #expect(missing == [])
    #expect(count > 600)
  }

  /// A default that is documented is the one that applies.
  @Test func documentedDefaultsAreTheRealOnes() throws {
    for key in KeyTable.all.flatMap(\.keys) where !key.defaultText.isEmpty {
      var fragment = Fragment()
      var value = Value(key.defaultText, specifiers: .system)
      try key.read(&fragment, &value)
      fragment.service.hasTimeoutStart = false
      #expect(fragment == Fragment(), "[\(key.section)] \(key.name)=\(key.defaultText)")
    }
  }

  @Test func aliasesLeadToKeys() {
    for key in KeyTable.all.flatMap(\.keys) {
      guard case .alias(let other) = key.status else { continue }
      #expect(KeyTable.named(key.section)?[other] != nil, "\(key.name)")
    }
    #expect(Reading("[Unit]\nStartLimitInterval=5s\n").fragment.unit.startLimitInterval == .seconds(5))
    #expect(Reading("[Service]\nStartLimitInterval=0\nStartLimitBurst=3\n").fragment.unit.startLimitInterval == nil)
  }

  @Test func unknownKeysAreToldWithWhatMayBeMeant() {
    #expect(
      Reading(
        """
        [Service]
        ExecStrat=/bin/x
        Colour=blue
        ListenStream=80
        X-Mine=1
        [X-Other]
        Any=thing
        [X-Idle]
        TimeotSec=5
        [Servce]
        User=x
        Group=x
        """
      ).messages == [
        "2:1: warning: 'ExecStrat=' is not a key of [Service]; is 'ExecStart=' meant?",
        "3:1: warning: 'Colour=' is not a key of [Service]",
        "4:1: warning: 'ListenStream=' is not a key of [Service] but of [Socket]",
        "9:1: warning: 'TimeotSec=' is not a key of [X-Idle]; is 'TimeoutSec=' meant?",
        "11:1: warning: section [Servce] is not known and is not read; is [Service] meant?",
      ])
  }

  @Test func keysSayWhatBecomesOfThem() {
    #expect(
      Reading(
        """
        [Unit]
        After=network.target
        Requires=x.service
        [Service]
        ProtectSystem=full
        PrivateTmp=no
        ProtectHome=false
        RootDirectory=/srv
        OOMPolicy=continue
        MemoryMax=infinity
        CapabilityBoundingSet=
        IPAddressAllow=localhost
        IPAddressDeny=any
        [Socket]
        ListenNetlink=audit 1
        """
      ).messages == [
        "2:1: note: 'After=' is not needed: all sockets are held from the beginning, so that nothing has to be started in an order",
        "3:1: warning: 'Requires=' is ignored: no other unit is started or stopped for it; a connection to a held socket starts what holds it",
        "5:1: warning: 'ProtectSystem=' is not applied, and the service runs without it: the service sees the whole file system",
        "8:1: error: 'RootDirectory=' is not supported: the service would run on another file system than it asks for",
        "9:1: warning: 'OOMPolicy=' is ignored: what the kernel kills for want of memory is told as any other failure",
        "11:1: warning: 'CapabilityBoundingSet=' is not applied, and the service runs without it: its capabilities are those that its user has",
        "12:1: note: 'IPAddressAllow=' is not needed: it is an exception from what isn't forbidden",
        "13:1: warning: 'IPAddressDeny=' is not applied, and the service runs without it: its devices and its network are not filtered",
        "15:1: error: 'ListenNetlink=' is not supported: netlink sockets can't be held",
      ])
  }

  @Test func socketOptionsAreAList() {
    let reading = Reading(
      """
      [Socket]
      KeepAlive=yes
      KeepAliveTimeSec=1min
      NoDelay=yes
      NoDelay=no
      IPTOS=low-delay
      Mark=0x10
      ReceiveBuffer=8M
      TCPCongestion=bbr
      Priority=-1
      IPTTL=64
      IPTTL=32
      """)
    #expect(reading.messages == [])
    #expect(
      reading.socket.socketOptions == [
        .keepAlive, .keepAliveTime(.seconds(60)), .typeOfService(16), .mark(16), .receiveBuffer(8 << 20),
        .tcpCongestion("bbr"), .priority(-1), .timeToLive(32),
      ])
  }

  @Test func editDistanceCountsExchanges() {
    func distance(_ left: String, _ right: String) -> Int { EditDistance.between(Array(left.utf8), Array(right.utf8)) }
    #expect(distance("user", "User") == 0)
    #expect(distance("Usre", "User") == 1)
    #expect(distance("", "ab") == 2)
    #expect(distance("kitten", "sitting") == 3)
  }
}
