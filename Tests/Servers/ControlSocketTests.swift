import Foundation
import Testing
import Varlink

extension ServerTests {
  /// The control socket's protocol, with a manager that has nothing to manage.
  @Suite struct ControlSocketTests {
    private func errorName(_ connection: ControlConnection) throws -> String? {
      try connection.reply()?.error?.split(separator: ".").last.map(String.init)
    }

    @Test func callsOfOneWriteAreAnsweredInTheirOrder() throws {
      let manager = try FakeManagerProcess()
      let connection = try manager.connect()
      let names = ["slow", "unit-1", "nobody", "unit-2"]
      connection.send(
        names.flatMap { Reply.encodeCall("io.torpor.Manager.Wake", ["name": $0]) }
          + Reply.encodeCall("io.torpor.Manager.Describe", ["name": "unit-3"]))
      struct Outcome: Decodable { let milliseconds: Double }
      #expect(try connection.reply()?.parameters(as: Outcome.self)?.milliseconds == 200)
      #expect(try connection.reply()?.parameters(as: Outcome.self)?.milliseconds == 1.5)
      #expect(try connection.reply()?.parameters(as: [String: String].self) == ["name": "nobody"])
      #expect(try connection.reply()?.parameters(as: Outcome.self)?.milliseconds == 1.5)
      struct Described: Decodable { let unit: [String: JSONValue] }
      #expect(try connection.reply()?.parameters(as: Described.self)?.unit["name"] == .string("unit-3"))
    }

    @Test func aCallMayComeByteByByte() throws {
      let manager = try FakeManagerProcess()
      let connection = try manager.connect()
      for byte in Reply.encodeCall("io.torpor.Manager.Wake", ["name": "unit-1"]) { connection.send([byte]) }
      #expect(try connection.reply()?.error == nil)
      #expect(manager.said("wake unit-1"))
    }

    @Test func oneWayCallsAreCarriedOutWithoutAReply() throws {
      let manager = try FakeManagerProcess()
      let connection = try manager.connect()
      for name in ["unit-1", "nobody"] {
        connection.send(Reply.encodeCall("io.torpor.Manager.Wake", ["name": name], oneway: true))
      }
      connection.call("io.torpor.Manager.Rest", #"{"name":"busy"}"#)
      #expect(try errorName(connection) == "NotNow")
      #expect(manager.said("wake unit-1"))
    }

    @Test func whoSendsAndClosesIsHeard() throws {
      let manager = try FakeManagerProcess()
      do {
        let connection = try manager.connect()
        connection.send(Reply.encodeCall("io.torpor.Manager.Wake", ["name": "unit-1"], oneway: true))
      }
      #expect(manager.said("wake unit-1"))
    }

    @Test func whoEndsSendingStillGetsReplies() throws {
      let manager = try FakeManagerProcess()
      let connection = try manager.connect()
      for name in ["slow", "unit-1"] { connection.call("io.torpor.Manager.Wake", #"{"name":"\#(name)"}"#) }
      connection.endSending()
      #expect(try connection.reply()?.error == nil)
      #expect(try connection.reply()?.error == nil)
      #expect(connection.hasEnded())
    }

    @Test(arguments: [
      ("io.torpor.Manager.Wake", #"{"name":5}"#, "InvalidParameter", "name"),
      ("io.torpor.Manager.Wake", "{}", "InvalidParameter", "name"),
      ("io.torpor.Manager.Wake", #"{"name":"unit-1","now":true}"#, "InvalidParameter", "now"),
      ("io.torpor.Manager.Hold", #"{"name":"unit-1","seconds":"5"}"#, "InvalidParameter", "seconds"),
      ("io.torpor.Manager.Hold", #"{"name":"unit-1","seconds":-1}"#, "InvalidParameter", "seconds"),
      ("io.torpor.Manager.Hold", #"{"name":"unit-1","seconds":1e300}"#, "InvalidParameter", "seconds"),
      ("io.torpor.Manager.Verify", #"{"names":"unit-1"}"#, "InvalidParameter", "names"),
      ("io.torpor.Manager.Release", #"{"name":"unit-1","id":1.5}"#, "InvalidParameter", "id"),
      ("io.torpor.Manager.Release", #"{"name":"unit-1","id":1e99}"#, "InvalidParameter", "id"),
      ("io.torpor.Manager.List", #"{"all":true}"#, "InvalidParameter", "all"),
      ("io.torpor.Manager.Describe", #"{"name":"nobody"}"#, "NoSuchUnit", "nobody"),
      ("io.torpor.Manager.Verify", #"{"names":["unit-1","nobody"]}"#, "NoSuchUnit", "nobody"),
      ("io.torpor.Manager.Monitor", "{}", "ExpectedMore", nil),
      ("io.torpor.Manager.Explode", "{}", "MethodNotFound", "io.torpor.Manager.Explode"),
      ("io.torpor.Explode", "{}", "InterfaceNotFound", "io.torpor"), ("Explode", "{}", "InvalidParameter", "method"),
      (
        "org.varlink.service.GetInterfaceDescription", #"{"interface":"io.torpor.Other"}"#, "InterfaceNotFound",
        "io.torpor.Other"
      ),
    ])
    func aMistakeIsNamedAndTheConnectionGoesOn(
      method: String, parameters: String, error: String, what: String?
    ) throws {
      let manager = try FakeManagerProcess()
      let connection = try manager.connect()
      connection.call(method, parameters)
      let reply = try #require(try connection.reply())
      #expect(reply.error?.hasSuffix(".\(error)") == true, "\(reply.error ?? "none")")
      if let what { #expect(reply.parameters(as: [String: String].self)?.values.first == what) }
      connection.call("io.torpor.Manager.Wake", #"{"name":"unit-1"}"#)
      #expect(try connection.reply()?.error == nil)
    }

    @Test func aListOfManyComesInParts() throws {
      let manager = try FakeManagerProcess(units: 10_000)
      let connection = try manager.connect()
      connection.call("io.torpor.Manager.List")
      #expect(try errorName(connection) == "ExpectedMore")
      connection.call("io.torpor.Manager.List", more: true)
      struct Units: Decodable { let units: [Unit] }
      struct Unit: Decodable { let name: String }
      var names: Set<String> = []
      var replies = 0
      while let reply = try connection.reply() {
        replies += 1
        names.formUnion(try #require(reply.parameters(as: Units.self)).units.map(\.name))
        if !reply.continues { break }
      }
      #expect(names.count == 10_004)
      #expect(replies > 100)
    }

    /// The list is made as fast as it is read, and others are answered meanwhile.
    @Test func aListThatNobodyReadsCostsLittle() throws {
      let manager = try FakeManagerProcess(units: 10_000)
      try manager.answers()
      let before = manager.residentBytes
      let connections = try (0..<20).map { _ in try manager.connect() }
      for connection in connections { connection.call("io.torpor.Manager.List", more: true) }
      for _ in 0..<20 { try manager.answers() }
      // 20 lists of more than 4 MB would be 80 MB.
      #expect(manager.residentBytes - before < 24 << 20)
    }

    @Test func monitorsAreToldWhatHappens() throws {
      let manager = try FakeManagerProcess()
      let monitor = try manager.connect()
      monitor.call("io.torpor.Manager.Monitor", more: true)
      struct Told: Decodable { let event: Event }
      struct Event: Decodable {
        let event: String
        let unit: String?
      }
      let first = try #require(try monitor.reply())
      #expect(first.continues)
      #expect(first.parameters(as: Told.self)?.event.event == "subscribed")
      let other = try manager.connect()
      other.call("io.torpor.Manager.Wake", #"{"name":"unit-1"}"#)
      let second = try #require(try monitor.reply()?.parameters(as: Told.self))
      #expect(second.event.event == "serving")
      #expect(second.event.unit == "unit-1")
      // It has no other end.
      monitor.endSending()
      #expect(monitor.hasEnded())
    }

    @Test func verificationsAreToldAsTheyAreDone() throws {
      let manager = try FakeManagerProcess()
      let connection = try manager.connect()
      struct Verified: Decodable { let verifications: [Verification] }
      struct Verification: Decodable {
        let name: String
        let passed: Bool
      }
      connection.call("io.torpor.Manager.Verify", #"{"names":["broken","slow","busy"]}"#, more: true)
      var results: [String] = []
      for _ in 0..<3 {
        let reply = try #require(try connection.reply())
        let verified = try #require(reply.parameters(as: Verified.self)?.verifications.first)
        results.append("\(verified.name) \(verified.passed) \(reply.continues)")
      }
      #expect(results == ["broken false true", "slow true true", "busy false false"])
      connection.call("io.torpor.Manager.Verify")
      #expect(try connection.reply()?.parameters(as: Verified.self)?.verifications.count == 8)
    }

    @Test func whoeverGoesIsNotVerifiedFor() throws {
      let manager = try FakeManagerProcess()
      do {
        let connection = try manager.connect()
        connection.call("io.torpor.Manager.Verify", #"{"names":["slow","unit-1"]}"#, more: true)
        try #require(manager.said("verify slow"))
      }
      // Comes later than the next one would.
      let other = try manager.connect()
      other.call("io.torpor.Manager.Verify", #"{"names":["slow","unit-2"]}"#)
      #expect(try other.reply()?.error == nil)
      #expect(!manager.process.output.all.contains("verify unit-1"))
    }

    @Test func aHoldWithoutAnEndEndsWithItsConnection() throws {
      let manager = try FakeManagerProcess()
      do {
        let connection = try manager.connect()
        connection.call("io.torpor.Manager.Hold", #"{"name":"unit-1"}"#)
        #expect(try connection.reply()?.error == nil)
        connection.call("io.torpor.Manager.Hold", #"{"name":"unit-1","seconds":60,"reason":"a backup"}"#)
        #expect(try connection.reply()?.error == nil)
        connection.call("io.torpor.Manager.Hold", #"{"name":"unit-2"}"#)
        #expect(try connection.reply()?.error == nil)
        #expect(!manager.process.output.all.contains { $0.hasPrefix("release") })
      }
      #expect(manager.said("release unit-1 1"))
      #expect(manager.said("release unit-2 3"))
      #expect(!manager.process.output.all.contains("release unit-1 2"))
    }

    @Test func aHoldEndsWithAProcessThatIsKilled() throws {
      let manager = try FakeManagerProcess()
      let script = """
        import socket, time
        s = socket.socket(socket.AF_UNIX)
        s.connect("\(manager.socket)")
        s.sendall(b'{"method":"io.torpor.Manager.Hold","parameters":{"name":"unit-1"}}\\0')
        time.sleep(60)
        """
      let holder = try ChildProcess(["/usr/bin/python3", "-c", script])
      defer { holder.killAndWait() }
      try #require(manager.said("hold unit-1"))
      holder.killAndWait()
      #expect(manager.said("release unit-1 1"))
    }
  }
}
