import Foundation
import Testing
import Varlink

extension ServerTests {
  /// What the control socket says of itself, and whether that is so.
  @Suite struct ControlInterfaceTests {
    private func interface(_ connection: ControlConnection, _ name: String) throws -> InterfaceDescription {
      connection.call("org.varlink.service.GetInterfaceDescription", #"{"interface":"\#(name)"}"#)
      let reply = try #require(try connection.reply()?.parameters(as: [String: String].self))
      return try InterfaceDescription(parsing: try #require(reply["description"]))
    }

    @Test func everyInterfaceIsDescribed() throws {
      let manager = try FakeManagerProcess()
      let connection = try manager.connect()
      connection.call("org.varlink.service.GetInfo")
      let info = try #require(try connection.reply()?.parameters(as: ServiceInterface.Info.self))
      #expect(info.interfaces == ["org.varlink.service", "io.torpor.Manager"])
      for name in info.interfaces { #expect(try interface(connection, name).name == name) }
    }

    /// Parameters of a call of each method that succeeds.
    private static let parameters = [
      "Describe": #"{"name":"unit-1"}"#, "Explain": #"{"name":"unit-1"}"#, "Wake": #"{"name":"unit-1"}"#,
      "Rest": #"{"name":"unit-1"}"#, "Hold": #"{"name":"unit-1","seconds":60,"reason":"x"}"#,
      "Release": #"{"name":"unit-2"}"#, "Verify": #"{"names":["unit-1","broken"]}"#,
      "ReloadService": #"{"name":"unit-1"}"#,
    ]
    /// Of a call of each error.
    private static let failures = [
      "NoSuchUnit": ("Wake", #"{"name":"nobody"}"#), "NotNow": ("Rest", #"{"name":"busy"}"#),
      "Failed": ("Wake", #"{"name":"broken"}"#),
    ]

    @Test func everyMethodIsThereAndAnswersAsItIsDescribed() throws {
      let manager = try FakeManagerProcess()
      let interface = try interface(try manager.connect(), "io.torpor.Manager")
      #expect(interface.methods.count == 11)
      // Once with nothing running, and once with a hold and a process.
      for _ in 0..<2 {
        for (name, method) in interface.methods.sorted(by: { $0.key < $1.key }) {
          let connection = try manager.connect()
          connection.call("io.torpor.Manager.\(name)", Self.parameters[name] ?? "{}", more: true)
          let message = try #require(try connection.message(), "\(name)")
          #expect(ReceivedReply(message)?.error == nil, "\(name)")
          guard case .object(let reply) = JSONValue(message), let parameters = reply["parameters"] else {
            Issue.record("\(name) has no parameters in its reply")
            continue
          }
          #expect(interface.mismatch(of: parameters, with: .structure(method.reply)) == nil, "\(name)")
        }
        let connection = try manager.connect()
        connection.call("io.torpor.Manager.Wake", #"{"name":"unit-1"}"#)
        #expect(try connection.reply()?.error == nil)
      }
    }

    @Test func everyErrorIsAsItIsDescribed() throws {
      let manager = try FakeManagerProcess()
      let interface = try interface(try manager.connect(), "io.torpor.Manager")
      for (name, (method, parameters)) in Self.failures {
        let connection = try manager.connect()
        connection.call("io.torpor.Manager.\(method)", parameters)
        let message = try #require(try connection.message())
        #expect(ReceivedReply(message)?.error == "io.torpor.Manager.\(name)")
        let fields = try #require(interface.errors[name])
        guard case .object(let reply) = JSONValue(message), let said = reply["parameters"] else {
          Issue.record("\(name) has no parameters")
          continue
        }
        #expect(interface.mismatch(of: said, with: .structure(fields)) == nil, "\(name)")
      }
    }

    // MARK: a client that isn't ours

    private static let python = Machine.serversDirectory + "/python/bin/python"
    private static let hasVarlink =
      (try? ChildProcess([python, "-c", "import varlink"]).waitForExit(within: .seconds(20))) == .exited(0)

    /// The varlink package of PyPI reads our description, and checks each call and reply against it.
    private static let script = """
      import sys, varlink
      client = varlink.Client("unix:" + sys.argv[1])
      service = client.open("org.varlink.service")
      info = service.GetInfo()
      print("info", info["product"], *info["interfaces"])
      print("described", "method Monitor" in service.GetInterfaceDescription("io.torpor.Manager")["description"])
      manager = client.open("io.torpor.Manager")
      print("one", len(manager.List()["units"]))
      print("more", sum(len(reply["units"]) for reply in manager.List(_more=True)))
      unit = manager.Describe("unit-1")
      print("unit", unit["unit"]["state"], unit["unit"]["lastFailure"]["lastLine"], unit["settings"]["user"])
      print("why", manager.Explain("busy")["explanation"]["senses"][0]["verdict"])
      with varlink.Client("unix:" + sys.argv[1]).open("io.torpor.Manager") as monitor:
          events = monitor.Monitor(_more=True)
          print("event", next(events)["event"]["event"])
          print("woken", manager.Wake("unit-1")["wasRunning"], manager.Wake("unit-1")["wasRunning"])
          print("event", next(events)["event"]["unit"])
      try:
          manager.Rest("busy")
      except varlink.VarlinkError as error:
          print("error", error.error(), error.parameters()["reason"])
      print("hold", manager.Hold("unit-1", 60, "backup")["hold"]["id"], manager.Release("unit-1")["released"])
      print("verified", *[v["name"] for r in manager.Verify(["slow", "unit-1"], _more=True) for v in r["verifications"]])
      print("reloaded", manager.Reload()["unchanged"])
      """

    @Test(.enabled(if: hasVarlink, "the varlink package of PyPI isn't installed"))
    func anothersClientDrivesIt() throws {
      let manager = try FakeManagerProcess()
      let client = try ChildProcess([Self.python, "-c", Self.script, manager.socket])
      defer { client.killAndWait() }
      #expect(client.waitForExit(within: .seconds(30)) == .exited(0), "\(client.errors.text)")
      _ = client.output.waitForEnd(within: .seconds(5))
      #expect(
        client.output.all == [
          "info torpord org.varlink.service io.torpor.Manager", "described True", "one 8", "more 8",
          "unit dormant no \"config\"\u{1F4A5} redis", "why busy", "event subscribed", "woken False True",
          "event unit-1", "error io.torpor.Manager.NotNow 2 connections are open", "hold 1 1", "verified slow unit-1",
          "reloaded 4",
        ])
    }
  }
}
