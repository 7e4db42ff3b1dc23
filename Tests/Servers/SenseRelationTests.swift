import Foundation
import Testing

extension SharedDataTests {
  /// Services that are clients of each other, and clients that are gone before anybody looks: by torpord.
  @Suite struct SenseRelationTests {
    /// Apache keeps its connection to php-fpm. It counts for php-fpm as `Connections=` says there, and for Apache while it carries data.
    @Test(.installed(.phpBehindApache)) func whatApacheKeepsOpenCountsForPHPAsItsConnectionsSay() throws {
      let pairs = [try Pair("open"), try Pair("active")]
      let units = pairs.reduce(into: [:]) { $0.merge($1.units) { $1 } }
      try ManagerProcess.run(units) { manager in
        let monitor = try EventMonitor(manager)
        for pair in pairs { try Client.ask(pair.web, pair.page, within: .seconds(20)) }
        let asked = wallClockSeconds()
        let silent = try monitor.waitFor("resting", of: "php-active").time - asked
        #expect(silent >= Pair.idle - 0.2 && silent <= Pair.idle * 1.125 + 1, "\(silent) s after its last data")
        try #require(try monitor.hears(noneOf: "resting", of: "php-open", for: .seconds(5)))
        // Its other end is Apache's, for which it is only what it last carried.
        var why = ""
        // Whose it is is looked for as long as a person may be kept waiting.
        for _ in 0..<20 where !why.contains("(apache2[") { why = try manager.torpor("why", "php-open") }
        #expect(why.contains("(apache2["), "\(why)")
        let relation = try manager.torpor("why", "web-open")
        #expect(relation.contains("it is connected to \(pairs[0].php), last data "), "\(relation)")
        // It has carried something since the last look, which was at its start; and nothing since this one.
        _ = try manager.attempt(["rest", "web-open"])
        if try manager.status("web-open").state != "dormant" { try manager.torpor("rest", "web-open") }
        let end = wallClockSeconds()
        let open = try monitor.waitFor("resting", of: "php-open").time - end
        #expect(open >= Pair.idle - 1 && open <= Pair.idle * 1.125 + 1, "\(open) s after Apache's end")
        // The page is there as before, by connections of its own.
        for pair in pairs { try Client.ask(pair.web, pair.page, within: .seconds(20)) }
      }
    }

    /// A web server that stays up, and the PHP behind it.
    private struct Pair {
      static let idle = 3.0
      let web: Endpoint
      let php: Endpoint
      let units: [String: String]
      private let folder: TemporaryDirectory
      let page = Exchange.http(path: "/hello.php", body: "hello from PHP\n")

      init(_ connections: String) throws {
        folder = try TemporaryDirectory()
        folder.makeWorldWritable()
        (web, php) = (.v4(try freePort()), .v4(try freePort()))
        try folder.write("<?php echo \"hello from PHP\\n\";", to: "hello.php")
        let user = Machine.isRoot ? "user = www-data\ngroup = www-data" : ""
        let pool = try folder.write(
          """
          [global]
          pid = \(folder.path("fpm.pid"))
          error_log = \(folder.path("fpm.log"))
          daemonize = no
          [www]
          listen = \(php)
          \(user)
          pm = static
          pm.max_children = 2

          """, to: "fpm.conf")
        let fpm = MatrixServer.Setup(
          command: [Machine.find("php-fpm8.2") ?? "", "--nodaemonize", "--no-php-ini", "--fpm-config", pool]
        ) { _ in .http("/", body: "") }
        let apache = MatrixServer.Setup(
          command: try Apache.command(
            web, module: "event",
            """
            LoadModule authz_core_module \(Apache.modules)/mod_authz_core.so
            LoadModule proxy_module \(Apache.modules)/mod_proxy.so
            LoadModule proxy_fcgi_module \(Apache.modules)/mod_proxy_fcgi.so
            StartServers 1
            ProxyPass "/hello.php" "fcgi://\(php)\(folder.path("hello.php"))" enablereuse=on
            """, in: folder)
        ) { _ in .http("/", body: "") }
        units = [
          "php-\(connections).torpor": fpm.unit(
            holding: [php], idle: "\(Int(Self.idle))s", more: "Connections=\(connections)\nSenses=connections channels"),
          "web-\(connections).torpor": apache.unit(holding: [web], idle: "30min"),
        ]
      }
    }

    /// Open for less than a millisecond, every two seconds: none of them is there when anybody looks.
    @Test func shortConnectionsNeverLetAServiceOfTorpordRest() throws {
      let endpoints = [Endpoint.v4(try freePort()), .v4(try freePort())]
      let units = [
        "asked.torpor": OddServer.unit(endpoints[0], idle: "5s"),
        "active.torpor": OddServer.unit(endpoints[1], idle: "5s", more: "Connections=active"),
      ]
      try ManagerProcess.run(units) { manager in
        let monitor = try EventMonitor(manager)
        var open: [Double] = []
        var last = 0.0
        for round in 0..<10 {
          last = wallClockSeconds()
          for endpoint in endpoints {
            let client = try Client(connectingTo: endpoint)
            let begin = ContinuousClock.now
            // Every other one says nothing at all.
            if round % 2 == 0 { try client.ask(.ping) }
            client.close()
            open.append((ContinuousClock.now - begin).seconds)
          }
          try #require(try monitor.hears(noneOf: "resting", of: "asked", for: .seconds(2)))
          let states = try manager.statuses().map(\.state)
          try #require(states == ["running", "running"])
        }
        let median = open.dropFirst(2).sorted()[(open.count - 2) / 2]
        print("short connections: open for \(median * 1000) ms (median), longest \((open.max() ?? 0) * 1000) ms")
        try #require(median < 0.001)
        for name in ["asked", "active"] {
          // Of the second, it may have been passed over while the first was awaited.
          let told = try manager.history(of: name, "resting")
          let resting = try told ?? monitor.waitFor("resting", of: name).time
          let late = resting - last
          #expect(late >= 4.9 && late <= 5 * 1.125 + 1, "\(name): \(late) s after the last one")
        }
      }
    }
  }
}

extension ManagerProcess {
  /// When this was last told of a unit, by the journal; nil: not yet.
  fileprivate func history(of unit: String, _ event: String) throws -> Double? {
    struct Line: Decodable {
      let time: Double
      let event: String
      let service: String?
    }
    let lines = directory.lines(of: "state/journal.jsonl").compactMap {
      try? JSONDecoder().decode(Line.self, from: Data($0.utf8))
    }
    return lines.last { $0.service == unit && $0.event == event }?.time
  }
}
