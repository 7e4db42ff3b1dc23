import Foundation
import Testing

extension SharedDataTests {
  /// Real servers at work for nobody who is connected or says anything; and at rest, as their housekeeping isn't work.
  @Suite struct SenseServerTests {
    private static let idle = 2.0

    private func run(
      _ server: MatrixServer, options: [String], idle: String = "2s",
      _ body: (TorporProcess, MatrixServer.Setup, Endpoint, TemporaryDirectory) throws -> Void
    ) throws {
      let directory = try TemporaryDirectory()
      directory.makeWorldWritable()
      let kinds = try #require(server.sockets.first)
      let port = try freePort()
      let held = kinds.map { $0.endpoint(port: port, path: directory.path(server.pathName)) }
      let setup = try server.setUp(MatrixServer.Place(directory: directory, held: held, handover: .auto))
      let front = try setup.front.map { try RunningFront($0) }
      defer { front?.end() }
      let arguments =
        held.flatMap { ["-l", "\($0)"] } + ["--idle", idle] + options + setup.options + ["--"] + setup.command
      let binaries = setup.wrapper.isEmpty ? .built : try Binaries.built.copied(to: directory)
      try TorporProcess.run(arguments, wrapper: setup.wrapper, binaries: binaries) { torpor in
        try body(torpor, setup, front?.endpoint ?? held[0], directory)
      }
    }

    private func requireInTime(_ resting: TorporEvent, after end: Double) throws {
      let late = resting.time - end
      try #require(late >= Self.idle - 0.1, "\(late) s after the end")
      try #require(late <= Self.idle * 1.125 + 0.6, "\(late) s after the end")
    }

    private static let every = ["--senses", "connections,channels,processing"]

    @Test(arguments: MatrixServer.all.filter { $0.missing == nil && $0.setUpIsQuick })
    func housekeepingIsNoWork(of server: MatrixServer) throws {
      try run(server, options: Self.every) { torpor, setup, endpoint, _ in
        var isAnswered = false
        for _ in 0..<200 where !isAnswered {
          if let visitor = setup.visitor {
            try Tool.run(visitor(endpoint), within: .seconds(20))
            isAnswered = true
          } else {
            isAnswered = try Hammer.visit(endpoint, setup.question("word")).0.ok == 1
          }
        }
        try #require(isAnswered)
        try torpor.waitFor(.serving)
        let resting = try torpor.waitFor(.resting, within: .seconds(12))
        print("housekeeping: \(server.name) rests after \(resting.idleSeconds ?? 0) s")
        try torpor.waitFor(.rested, within: .seconds(20))
      }
    }

    // MARK: redis

    @Test(.installed(.redis)) func aBackgroundSaveKeepsRedisUp() throws {
      try run(.redis, options: Self.every) { torpor, _, endpoint, _ in
        // Each key takes the saving child some 100 µs: eight seconds in all. It replaces the file by the same.
        let tool = ["redis-cli", "-e", "-p", "\(endpoint.port)"]
        let place = try Tool.run(tool + ["CONFIG", "GET", "dir"]).split(separator: "\n").last.map(String.init)
        let file = try #require(place) + "/dump.rdb"
        try Tool.run(tool + ["CONFIG", "SET", "rdb-key-save-delay", "50"])
        let begin = wallClockSeconds()
        try Tool.run(tool + ["BGSAVE"])
        try torpor.waitFor(.serving)
        let resting = try torpor.waitFor(.resting, within: .seconds(40))
        let attributes = try FileManager.default.attributesOfItem(atPath: file)
        let saved = try #require(attributes[.modificationDate] as? Date)
        try #require(saved.timeIntervalSince1970 > begin + Self.idle, "it rests before it is saved")
        try requireInTime(resting, after: saved.timeIntervalSince1970)
      }
    }

    @Test(.installed(.redis)) func aScriptWhoseClientHasGoneKeepsRedisUp() throws {
      try run(.redis, options: Self.every) { torpor, _, endpoint, _ in
        let client = try Client(connectingTo: endpoint)
        let script = "local t = redis.call('TIME')[1] repeat until redis.call('TIME')[1] - t > 4"
        try client.send("*3\r\n$4\r\nEVAL\r\n$\(script.utf8.count)\r\n\(script)\r\n$1\r\n0\r\n")
        try torpor.waitFor(.serving)
        client.close()
        let begin = wallClockSeconds()
        let resting = try torpor.waitFor(.resting, within: .seconds(20))
        try #require(resting.time - begin >= 4 + Self.idle - 0.2)
        try #require(resting.time - begin <= 5.5 + Self.idle * 1.125 + 0.6)
      }
    }

    // MARK: databases

    @Test(.installed(.mariadb)) func aLongStatementKeepsMariaDBUp() throws {
      try run(.mariadb, options: Self.every + ["--connections", "active"]) { torpor, _, endpoint, _ in
        // Nothing goes over the wire while it computes.
        let statement = "SELECT BENCHMARK(60000000, SHA2('torpor', 256))"
        try longStatement(
          torpor,
          [
            "mariadb", "--no-defaults", "-h127.0.0.1", "-P\(endpoint.port)", "-uroot", "-e", statement,
          ])
      }
    }

    @Test(.installed(.postgres)) func aLongStatementKeepsPostgresUp() throws {
      try run(.postgres, options: Self.every + ["--connections", "active"]) { torpor, _, endpoint, _ in
        let statement = "SELECT count(*) FROM generate_series(1, 20000000) a WHERE md5(a::text) < 'a'"
        try longStatement(
          torpor,
          [
            "psql", "-X", "-h", "127.0.0.1", "-p", "\(endpoint.port)", "-U", "postgres", "-c", statement,
          ])
      }
    }

    private func longStatement(_ torpor: TorporProcess, _ command: [String]) throws {
      let client = try ChildProcess(command)
      defer { client.killAndWait() }
      try torpor.waitFor(.serving, within: .seconds(20))
      let begin = wallClockSeconds()
      var isHeard = true
      while client.isRunning, isHeard { isHeard = try torpor.hears(noneOf: .resting, for: .milliseconds(50)) }
      let end = wallClockSeconds()
      try #require(isHeard, "it rests with the statement under way")
      try #require(client.waitForExit(within: .seconds(1)) == .exited(0), "\(client.errors.text)")
      try #require(end - begin > Self.idle * 1.25, "the statement was too short to tell anything")
      try requireInTime(try torpor.waitFor(.resting, within: .seconds(10)), after: end)
    }

    // MARK: java

    @Test(.installed(.java)) func theCollectionOfGarbageKeepsJavaUp() throws {
      let fixture = try Self.collector.get()
      let endpoint = Endpoint.v4(try freePort())
      let command = ["java", "-Xmx256m", "-cp", fixture.directory.path, "Collector", "\(endpoint.port)"]
      try TorporProcess.run(["-l", "\(endpoint)", "--idle", "2s"] + Self.every + ["--"] + command) { torpor in
        let begin = wallClockSeconds()
        try Client.ask(endpoint, Exchange(request: "GO\n", reply: .exactly("OK\n")))
        try torpor.waitFor(.serving)
        let resting = try torpor.waitFor(.resting, within: .seconds(30))
        try #require(resting.time - begin >= 4 + Self.idle - 0.1)
        try torpor.waitFor(.rested)
      }
    }

    /// Answers, and then makes and forgets objects for four seconds.
    private static let collector = Result {
      try Fixture { directory in
        let source = try directory.write(
          """
          import java.net.*;
          import java.util.*;

          class Collector {
            public static void main(String[] arguments) throws Exception {
              var server = new ServerSocket(Integer.parseInt(arguments[0]), 50, InetAddress.getByName("127.0.0.1"));
              while (true) {
                try (var client = server.accept()) {
                  client.getInputStream().read();
                  client.getOutputStream().write("OK\\n".getBytes());
                }
                new Thread(() -> {
                  long end = System.nanoTime() + 4_000_000_000L;
                  var kept = new ArrayDeque<byte[]>();
                  while (System.nanoTime() < end) {
                    kept.add(new byte[100_000]);
                    if (kept.size() > 1000) kept.poll();
                    if (kept.size() % 100 == 0) System.gc();
                  }
                }).start();
              }
            }
          }
          """, to: "Collector.java")
        try Tool.run(["javac", "-d", directory.path, source])
      }
    }
  }
}

extension MatrixServer {
  /// Of those that are alike in this, one.
  fileprivate var setUpIsQuick: Bool {
    !["postgresql, torpor not root"].contains(name)
  }
}
