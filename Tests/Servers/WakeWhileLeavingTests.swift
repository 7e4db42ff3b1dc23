import Foundation
import Testing

extension OwnDataTests {
  /// `torpor wake` of a service that is just leaving: it is started when it has left.
  @Suite struct WakeWhileLeavingTests {
    private static func unit(_ port: UInt16, more: String = "") -> String {
      OddServer.unit(.v4(port), idle: "30min", more: "[Service]\n\(more)")
    }

    /// One that runs, and its main process.
    private func running(_ unit: String) throws -> (torpord: TorpordProcess, pid: pid_t) {
      let torpord = try TorpordProcess(units: ["one.torpor": unit])
      #expect(try torpord.torpor("wake", "one").status == .exited(0))
      return (torpord, try #require(try torpord.status("one").pid))
    }

    /// It is put to rest, and its ExecStop= takes its time.
    private func resting(_ torpord: TorpordProcess) throws -> ChildProcess {
      let resting = try torpord.start(["rest", "one"])
      try #require(try torpord.waits(until: "stopping", of: "one"))
      return resting
    }

    /// And somebody asks for it meanwhile.
    private func restingAndWaking(_ torpord: TorpordProcess) throws -> (ChildProcess, ChildProcess) {
      let (resting, waking) = (try resting(torpord), try torpord.start(["wake", "one"]))
      // Long enough for its question, and shorter than the end takes.
      usleep(500_000)
      return (resting, waking)
    }

    private func expectServing(_ ran: TorpordProcess.Ran) {
      #expect(ran.status == .exited(0), "\(ran.errors)")
      #expect(ran.output.first?.hasPrefix("one serves after ") == true, "\(ran.output)")
    }

    @Test func itIsStartedWhenItHasRested() throws {
      let (torpord, first) = try running(Self.unit(try freePort(), more: "ExecStop=/bin/sleep 1"))
      let resting = try resting(torpord)
      defer { resting.killAndWait() }
      expectServing(try torpord.torpor("wake", "one"))
      #expect(resting.waitForExit(within: .seconds(5)) == .exited(0))
      #expect(ProcessTable.isGone(first))
      let status = try torpord.status("one")
      #expect(status.state == "running")
      #expect(status.pid != first)
    }

    /// What was asked for last holds.
    @Test func aRestTakesTheStartBack() throws {
      let (torpord, _) = try running(Self.unit(try freePort(), more: "ExecStop=/bin/sleep 2"))
      let (resting, waking) = try restingAndWaking(torpord)
      defer {
        resting.killAndWait()
        waking.killAndWait()
      }
      let again = try torpord.torpor("rest", "one")
      #expect(again.status == .exited(0), "\(again.errors)")
      #expect(waking.waitForExit(within: .seconds(5)) == .exited(1))
      #expect(waking.errors.contains("it was asked to rest meanwhile", within: .seconds(1)))
      #expect(try torpord.status("one").state == "dormant")
    }

    /// Without the wait that a failure brings.
    @Test func itIsStartedWhenItHasFailed() throws {
      // What the main process leaves behind takes its time, too.
      let start = "ExecStart=/bin/sh -c 'trap \"\" TERM; sleep 2 & exec \"$0\" \"$@\"' "
      let unit = Self.unit(try freePort()).replacing("ExecStart=", with: start)
      let (torpord, first) = try running(unit)
      kill(first, SIGKILL)
      try #require(try torpord.waits(until: "stopping", of: "one"))
      expectServing(try torpord.torpor("wake", "one"))
      let status = try torpord.status("one")
      #expect(status.state == "running")
      let history = try torpord.torpor("history", "one", "--directory", torpord.state)
      #expect(history.output.contains { $0.contains("SIGKILL") }, "\(history.output)")
    }

    /// Files that can be taken up only when it is dormant come first.
    @Test func itIsStartedAsItsFilesSayNow() throws {
      let (torpord, _) = try running(Self.unit(try freePort(), more: "ExecStop=/bin/sleep 2"))
      let (resting, waking) = try restingAndWaking(torpord)
      defer {
        resting.killAndWait()
        waking.killAndWait()
      }
      let port = try freePort()
      try torpord.write(Self.unit(port), to: "one.torpor")
      #expect(try torpord.torpor("reload").status == .exited(0))
      #expect(waking.waitForExit(within: .seconds(10)) == .exited(0))
      let status = try torpord.status("one")
      #expect(status.state == "running")
      let client = try Client(connectingTo: .v4(port))
      defer { client.close() }
      #expect(try torpord.status("one").pid == status.pid)
    }
  }
}
