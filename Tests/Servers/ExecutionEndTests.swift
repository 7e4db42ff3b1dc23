import Foundation
import Testing

extension OwnDataTests {
  /// Who goes on when a process has ended, and what follows an end, with real processes.
  @Suite struct ExecutionEndTests: ExecutedUnit {
    @Test func aServiceThatForksIsFollowedByItsPIDFile() throws {
      let settings = [
        "Type=forking", "PIDFile=@pid", "ExecStart=/bin/sh @fork", "ExecStartPost=@note post $MAINPID",
      ]
      try run(settings, main: false) { torpor, endpoint, directory in
        // The first that it leaves behind isn't the one.
        let server = OddServer.command(endpoint).joined(separator: " ")
        try directory.write("sleep 1000 &\n\(server) &\necho $! > \(directory.path("pid"))\n", to: "fork")
        let client = try Client(connectingTo: endpoint)
        try client.ask(.ping)
        let background = try torpor.waitFor(.background)
        let pid = try #require(background.pid)
        #expect(ProcessTable.name(pid) == "oddserver")
        try torpor.waitFor(.serving)
        client.close()
        try torpor.waitFor(.rested)
        #expect(directory.lines(of: "out") == ["post \(pid)"])
        try torpor.requireNothingRuns()
      }
    }

    @Test func whereNoneIsTheMainProcessItGoesOnAsLongAsThereIsAny() throws {
      let settings = ["Type=forking", "GuessMainPID=no", "ExecStart=/bin/sh @fork"]
      try run(settings, main: false) { torpor, endpoint, directory in
        let server = OddServer.command(endpoint).joined(separator: " ")
        try directory.write("sleep 0.3 &\n\(server) &\nsleep 0.1 &\n", to: "fork")
        let client = try Client(connectingTo: endpoint)
        try client.ask(.ping)
        try torpor.waitFor(.serving)
        #expect(try torpor.hears(noneOf: .background, .left, .failed, .warning, for: .milliseconds(600)))
        try client.ask(.ping)
        client.close()
        try torpor.waitFor(.rested)
        try torpor.requireNothingRuns()
      }
    }

    @Test func aPIDFileThatIsAPipeOrNamesAStrangerIsPassedOver() throws {
      for make in ["mkfifo", "echo 1 >"] {
        try run(["Type=forking", "PIDFile=@pid", "ExecStart=/bin/sh @fork"], main: false) {
          torpor, endpoint, directory in
          let server = OddServer.command(endpoint).joined(separator: " ")
          try directory.write("\(make) \(directory.path("pid"))\n\(server) &\n", to: "fork")
          try Client.ask(endpoint, .ping)
          try torpor.waitFor(.background)
          try torpor.waitFor(.rested)
          unlink(directory.path("pid"))
        }
      }
    }

    @Test func aOneshotServiceRemainsUntilItIsStopped() throws {
      let settings = [
        "Type=oneshot", "RemainAfterExit=yes", "Start=boot", "ExecStart=@note one", "ExecStart=@note two",
        "ExecStop=@note stop", "ExecStopPost=@note stop-post $SERVICE_RESULT",
      ]
      try run(settings, main: false, idle: "infinity") { torpor, _, directory in
        try torpor.waitFor(.serving)
        #expect(directory.lines(of: "out") == ["one", "two"])
        #expect(try torpor.hears(noneOf: .left, .failed, for: .milliseconds(200)))
        try torpor.stopGracefully()
        #expect(directory.lines(of: "out") == ["one", "two", "stop", "stop-post success"])
      }
    }

    @Test func onlyTheMainProcessIsEndedWhereThatIsAskedFor() throws {
      try run(["KillMode=process"], record: "sleep 987 & echo $!") { torpor, endpoint, directory in
        for _ in 1...2 {
          try Client.ask(endpoint, .ping)
          try torpor.waitFor(.serving)
          try torpor.waitFor(.rested)
        }
        let left = directory.lines(of: "out").compactMap { pid_t($0) }
        #expect(left.count == 2 && left.allSatisfy { kill($0, 0) == 0 })
        for pid in left { kill(pid, SIGKILL) }
      }
    }

    /// Nothing tells when the last process with the preloaded library has ended.
    @Test func livesOfWhichOnlyTheMainProcessIsEndedKeepNoDescriptor() throws {
      try run(["KillMode=process"], confinement: .refuse) { torpor, endpoint, _ in
        try torpor.wakeAndRest(endpoint)
        let count = ProcessTable.descriptors(torpor.pid).count
        for _ in 1...3 { try torpor.wakeAndRest(endpoint) }
        #expect(ProcessTable.descriptors(torpor.pid).count == count)
      }
    }

    @Test func whatAMixedStopLeavesIsKilledAtOnce() throws {
      let record = "sh -c 'trap \"\" TERM; while :; do sleep 1; done' & :"
      try run(["KillMode=mixed", "TimeoutStopSec=30s"], record: record) { torpor, endpoint, _ in
        let begin = ContinuousClock.now
        try torpor.wakeAndRest(endpoint)
        #expect(ContinuousClock.now - begin < .seconds(4))
      }
    }

    @Test func aStatusThatIsNoFailureIsNone() throws {
      try run(["SuccessExitStatus=7"], server: ["--exit-after-ms", "300", "7"], idle: "1h") { torpor, endpoint, _ in
        try Client.ask(endpoint, .ping)
        try torpor.waitFor(.left)
        #expect(torpor.count(of: .failed) == 0)
      }
    }

    /// As syncthing's unit has it, which ends itself with 3 to be started again.
    @Test func anEndThatDemandsAStartIsFollowedByOne() throws {
      let settings = ["SuccessExitStatus=7", "RestartForceExitStatus=7"]
      try run(settings, server: ["--exit-after-ms", "300", "7"], idle: "1h") { torpor, endpoint, _ in
        try Client.ask(endpoint, .ping)
        for _ in 1...2 {
          try torpor.waitFor(.serving)
          try torpor.waitFor(.left)
        }
        #expect(torpor.count(of: .failed) == 0)
      }
    }

    @Test func anEndThatForbidsAStartIsFollowedByNone() throws {
      let settings = ["Restart=always", "RestartPreventExitStatus=7"]
      try run(settings, server: ["--exit-after-ms", "300", "7"], idle: "1h") { torpor, endpoint, _ in
        try Client.ask(endpoint, .ping)
        try torpor.waitFor(.failed)
        try torpor.waitFor(.dormant)
        #expect(torpor.count(of: .waking) == 1)
        // Who comes nonetheless is served.
        try Client.ask(endpoint, .ping)
      }
    }

    @Test func aServiceRunsForAsLongAsItMay() throws {
      let settings = ["RuntimeMaxSec=500ms", "ExecStopPost=@note $SERVICE_RESULT"]
      try run(settings, idle: "1h") { torpor, endpoint, directory in
        try Client.ask(endpoint, .ping)
        let serving = try torpor.waitFor(.serving)
        let failed = try torpor.waitFor(.failed)
        #expect(failed.time - serving.time >= 0.45)
        #expect(failed.reason?.contains("as long as it may") == true, "\(failed.reason ?? "")")
        #expect(directory.lines(of: "out") == ["timeout"])
        try torpor.waitFor(.dormant)
      }
    }

    @Test func aServiceThatDoesNotStartIsAbortedWhereThatIsAskedFor() throws {
      let settings = [
        "Environment=SWIFT_BACKTRACE=enable=no", "Type=notify", "TimeoutStartSec=500ms",
        "TimeoutStartFailureMode=abort", "ExecStopPost=@note $SERVICE_RESULT $EXIT_STATUS",
      ]
      try run(settings, idle: "1h") { torpor, endpoint, directory in
        let client = try Client(connectingTo: endpoint)
        let failed = try torpor.waitFor(.failed)
        #expect(failed.reason?.contains("not ready within") == true, "\(failed.reason ?? "")")
        #expect(directory.lines(of: "out").first == "timeout ABRT")
        client.close()
      }
    }

    @Test func aServiceThatDoesNotStopIsAbortedWhereThatIsAskedFor() throws {
      let settings = [
        "Environment=SWIFT_BACKTRACE=enable=no", "TimeoutStopSec=500ms", "TimeoutStopFailureMode=abort",
        "ExecStopPost=@note $SERVICE_RESULT $EXIT_STATUS",
      ]
      try run(settings, server: ["--ignore-sigterm"]) { torpor, endpoint, directory in
        try torpor.wakeAndRest(endpoint)
        #expect(directory.lines(of: "out") == ["timeout ABRT"])
        #expect(torpor.count(of: .stopTimedOut) == 0)
      }
    }
  }
}
