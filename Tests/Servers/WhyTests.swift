import Foundation
import Testing

extension OwnDataTests {
  /// `torpor why` of services that are busy by one sense each, and of one that rests: what a person reads.
  @Suite(.enabled(if: WorkingServer.program != nil, "python3 isn't there")) struct WhyTests {
    private let place: TemporaryDirectory
    private let endpoints: [String: Endpoint]
    private let units: [String: String]
    private static let own = ProcessTable.name(getpid()) ?? ""

    init() throws {
      place = try TemporaryDirectory()
      try place.write("", to: "busy")
      let check = "test -e \(place.path("busy")) && echo 2 queries && exit 1; exit 0"
      var endpoints: [String: Endpoint] = [:]
      var units: [String: String] = [:]
      for (name, idle, service, more) in [
        ("open", "30min", "", ""), ("pool", "1s", "", ""), ("active", "30min", "", "Connections=active"),
        ("half", "30min", "", ""), ("ignored", "30min", "", "IgnoreSource=127.0.0.1"), ("own", "30min", "", ""),
        ("calls", "30min", "", ""),
        ("computes", "20s", "", "Senses=connections processing"), ("says", "30min", "NotifyAccess=all", ""),
        ("held", "30min", "", ""), ("rests", "500ms", "", ""), ("never", "30min", "", ""),
        ("asked", "1s", "", "BusyCheck=/bin/sh -c \"\(check)\""),
      ] {
        let folder = place.path(name)
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
        let endpoint = Endpoint.v4(try freePort())
        endpoints[name] = endpoint
        units["\(name).torpor"] = try WorkingServer.unit(
          endpoint, inFolder: folder, of: place, idle: idle, service: service, more: more)
      }
      self.endpoints = endpoints
      self.units = units
    }

    private func visit(_ name: String, _ order: String = "PING") throws -> Client {
      let client = try Client(connectingTo: try #require(endpoints[name]))
      try client.ask(WorkingServer.order(order))
      return client
    }

    /// Asks until a line says so, as some of it takes a look to be known.
    private func require(
      _ manager: ManagerProcess, _ name: String, says patterns: String..., within limit: Duration = .seconds(10)
    ) throws {
      let deadline = Deadline(after: limit)
      var text = ""
      while !deadline.hasPassed {
        text = try manager.torpor("why", name)
        let lines = text.split(separator: "\n").map(String.init)
        let isSaid = patterns.allSatisfy { pattern in
          lines.contains { $0.range(of: "^\(pattern)$", options: .regularExpression) != nil }
        }
        if isSaid {
          print("--- torpor why \(name)\n\(text)")
          return
        }
        usleep(100_000)
      }
      Issue.record("'\(patterns)' isn't in:\n\(text)")
    }

    @Test func eachSenseTellsItsEvidenceAndWhenTheServiceCouldRest() throws {
      let peer = try TestListener(.v4(try freePort()))
      try ManagerProcess.run(units) { manager in
        var kept: [Client] = []
        // Connections, with whose they are.
        let open = try visit("open")
        kept.append(open)
        let me = "\(open.localAddress) \\(\(NSRegularExpression.escapedPattern(for: Self.own))\\[\(getpid())\\]\\)"
        try require(
          manager, "open", says: "open: running since .* ago", "  connections   busy(, .* ago)?",
          "                \(me), last data [0-9.]+ m?s ago", "  processing    (quiet|busy).*",
          "                cpu [0-9.]+ % over .*", "  could rest    in (29|30) min.*, if nothing more happens",
          "  woken by      127.0.0.1:[0-9]+.*, (.* ago|now)")
        // Silent for longer than the timeout: the advice. Then, that silent ones don't count.
        kept.append(try visit("pool"))
        try require(
          manager, "pool", says: "  connections   busy, .* ago",
          "  advice        Only connections that have been silent for [0-9.]+ m?s keep it up. With Connections=active .*"
            + "with Rest=freeze \\(--rest freeze\\) they stay open while it sleeps\\.")
        kept.append(try visit("active"))
        try require(manager, "active", says: "  connections   busy.*", "                .*, last data .* ago")
        kept.append(try visit("half", "HALF"))
        try require(
          manager, "half", says: "  connections   busy.*",
          "                .*, last data .* ago, shut down by the service and not closed")
        kept.append(try visit("ignored"))
        // Its own listener, and a connection of its own.
        let listener = Endpoint.v4(try freePort())
        try visit("own", "LISTEN \(listener.port)").close()
        let client = try Client(connectingTo: listener)
        kept.append(client)
        try require(
          manager, "own", says: "  connections   quiet.*", "                nobody is connected",
          "  channels      busy.*",
          "                \(client.localAddress) is connected to its own \(listener), last data .* ago")
        try visit("calls", "CALL \(peer.endpoint.port)").close()
        kept.append(try peer.accept())
        try require(
          manager, "calls", says: "  channels      (busy|quiet).*",
          "                it is connected to \(peer.endpoint), last data .* ago")
        // Work.
        try visit("computes", "BURN 30").close()
        try require(
          manager, "computes", says: "  processing    busy.*", "                cpu [0-9]+(\\.[0-9])? % over .*",
          "  could rest    in (19|20) s, if nothing more happens")
        // Its own word, both ways.
        try visit("says", "SAY X-BUSY=1").close()
        try require(manager, "says", says: "  notify        busy, .* ago", "                it said X-BUSY=1")
        #expect(try !manager.torpor("why", "says").contains("could rest"), "nothing lets it rest but its own word")
        try visit("asked").close()
        try require(
          manager, "asked", says: "  busy-check    busy, .* ago", "                the busy check said: 2 queries")
        // Somebody's.
        try manager.torpor("hold", "held", "--for", "10min", "--reason", "a backup")
        kept.append(try visit("held"))
        try require(manager, "held", says: "  held          .*\\(a backup\\).*")
        #expect(try !manager.torpor("why", "held").contains("could rest"), "not before it is released")
        for client in kept { client.close() }
      }
    }

    @Test func datagramsAreToldToo() throws {
      let endpoint = Endpoint.udp(try freePort())
      let command = try DatagramServer.python.command(port: endpoint.port, in: place)
      let unit =
        "[Socket]\nListenDatagram=127.0.0.1:\(endpoint.port)\n[Service]\nExecStart=\(command.joined(separator: " "))\n"
      try ManagerProcess.run(["datagrams.torpor": unit]) { manager in
        try Client.ask(endpoint, DatagramServer.python.exchange)
        try require(
          manager, "datagrams", says: "  messages      quiet",
          "                \(endpoint): the last datagram came .* ago")
      }
    }

    @Test func ofOneThatRestsItIsToldWhyAndWhatWouldWakeIt() throws {
      try ManagerProcess.run(units) { manager in
        try visit("rests").close()
        try manager.waitFor("dormant", of: "rests")
        let address = try #require(endpoints["rests"])
        try require(
          manager, "rests", says: "rests: dormant since .* ago", "  rested        idle for [0-9.]+ m?s, .* ago",
          "  wakes on      a client of \(address)", "  woken by      127.0.0.1:[0-9]+.*, .* ago")
        try require(manager, "never", says: "never: dormant since .*", "  rested        never started", "  wakes on .*")
      }
    }
  }
}

extension WorkingServer {
  /// In a folder of a directory that outlives the manager.
  fileprivate static func unit(
    _ endpoint: Endpoint, inFolder folder: String, of directory: TemporaryDirectory, idle: String, service: String,
    more: String
  ) throws -> String {
    try unit(endpoint, in: directory, idle: idle, service: service, more: more)
      .replacingOccurrences(of: " \(endpoint.port) \(directory.path)", with: " \(endpoint.port) \(folder)")
  }
}
