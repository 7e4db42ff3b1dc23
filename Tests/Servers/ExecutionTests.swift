import Foundation
import Testing

extension OwnDataTests {
  /// What systemd's [Service] means, with real processes.
  @Suite struct ExecutionTests: ExecutedUnit {
    @Test(.enabled(if: Machine.isRoot, "needs root, to change the user"))
    func settingsReachTheProcess() throws {
      let settings = [
        "User=nobody", "Group=12", "SupplementaryGroups=34 56", "WorkingDirectory=/usr", "UMask=0027", "Nice=5",
        "OOMScoreAdjust=200", "LimitNOFILE=777", "NoNewPrivileges=yes",
      ]
      let record =
        "id -u; id -g; id -G; pwd; umask; nice; cat /proc/self/oom_score_adj; ulimit -n; "
        + "grep NoNewPrivs /proc/self/status; grep SigIgn /proc/self/status"
      try run(settings, record: record) { torpor, endpoint, directory in
        try torpor.wakeAndRest(endpoint)
        #expect(
          directory.lines(of: "out") == [
            "65534", "12", "12 34 56 65534", "/usr", "0027", "5", "200", "777", "NoNewPrivs:\t1",
            "SigIgn:\t0000000000001000",
          ])
      }
    }

    @Test func aServiceHasTheEnvironmentThatItsUnitSays() throws {
      let settings = [
        "Environment=A=1", "Environment=B=2", "Environment=C=3", "EnvironmentFile=@env", "UnsetEnvironment=C",
        "PassEnvironment=SHELL_LEVEL_OF_TEST",
      ]
      try run(settings, record: "env | cut -d= -f1 | sort; echo $A $B $D") { torpor, endpoint, directory in
        try directory.write("# of a file\nB=\"from file\"\nD=4\n", to: "env")
        try torpor.wakeAndRest(endpoint)
        let lines = directory.lines(of: "out")
        #expect(lines.last == "1 from file 4")
        let names = Set(lines.dropLast().map(String.init)).subtracting(["PWD", "OLDPWD", "SHLVL", "_"])
        #expect(
          Set(names.subtracting(["LANG", "LANGUAGE"]).filter { !$0.hasPrefix("LC_") })
            == ["A", "B", "D", "PATH", "INVOCATION_ID", "LISTEN_FDS", "LISTEN_FDNAMES", "LISTEN_PID"])
      }
    }

    @Test func whatIsNoVariableInAnEnvironmentFileIsToldOnce() throws {
      try run(["EnvironmentFile=@env"], record: "echo $B") { torpor, endpoint, directory in
        let file = try directory.write("export A=1\nB=2\n", to: "env")
        try Client.ask(endpoint, .ping)
        let message = try #require(try torpor.waitFor(.warning).message)
        #expect(message.contains("\(file):1:1: ") && message.contains("'export A'"), "\(message)")
        try torpor.waitFor(.rested)
        try Client.ask(endpoint, .ping)
        try torpor.waitFor(.rested)
        #expect(torpor.count(of: .warning) == 1)
        #expect(directory.lines(of: "out") == ["2", "2"])
      }
    }

    @Test func aMissingEnvironmentFileFailsTheStart() throws {
      try run(["EnvironmentFile=@none"]) { torpor, endpoint, directory in
        let client = try Client(connectingTo: endpoint)
        let failed = try torpor.waitFor(.failed)
        #expect(failed.reason?.contains("'\(directory.path("none"))'") == true, "\(failed.reason ?? "")")
        client.close()
      }
    }

    @Test func commandsRunInTheirOrderAndKnowWhatTheyAreAbout() throws {
      let settings = [
        "ExecCondition=@note condition", "ExecStartPre=@note pre ${WHO}", "ExecStartPre=-/bin/false",
        "ExecStartPost=@note post $MAINPID", "ExecStop=@note stop $MAINPID",
        "ExecStopPost=@note stop-post $SERVICE_RESULT $EXIT_CODE $EXIT_STATUS", "Environment=WHO=me",
      ]
      try run(settings, record: "echo main") { torpor, endpoint, directory in
        for _ in 1...2 {
          let (serving, _) = try torpor.wakeAndRest(endpoint)
          let pid = try #require(serving.pid)
          let lines = directory.lines(of: "out")
          #expect(lines.prefix(2) == ["condition", "pre me"])
          // These two are started together.
          #expect(Set(lines.dropFirst(2).prefix(2)) == ["main", "post \(pid)"])
          #expect(lines.dropFirst(4) == ["stop \(pid)", "stop-post success exited 0"], "\(lines)")
          try directory.write("", to: "out", mode: 0o666)
        }
        #expect(torpor.events.allSatisfy { $0.event != .warning && $0.event != .failed })
      }
    }

    @Test func aFailingCommandBeforeTheStartIsNamedAndNothingIsLeft() throws {
      let settings = ["ExecStartPre=/bin/sh @bad", "ExecStopPost=@note after $SERVICE_RESULT $EXIT_STATUS"]
      try run(settings, record: "echo main") { torpor, endpoint, directory in
        // What it leaves behind would else live on.
        try directory.write("echo so it goes >&2\nsleep 1000 &\nexit 3\n", to: "bad")
        let client = try Client(connectingTo: endpoint)
        let failed = try torpor.waitFor(.failed)
        #expect(failed.reason?.contains("ExecStartPre=/bin/sh \(directory.path("bad")) exited with status 3") == true)
        #expect(failed.lastLine == "so it goes")
        #expect(directory.lines(of: "out") == ["after exit-code 3"])
        #expect(ProcessTable.descendants(of: torpor.pid).filter { ProcessTable.name($0.pid) == "sleep" } == [])
        client.close()
      }
    }

    @Test func anEndlessCommandIsEndedByTheStartTimeoutAndByAStop() throws {
      try run(["ExecStartPre=/bin/sleep 1000", "TimeoutStartSec=500ms"], record: "echo main") {
        torpor, endpoint, directory in
        let client = try Client(connectingTo: endpoint)
        let failed = try torpor.waitFor(.failed)
        #expect(
          failed.reason?.contains("ExecStartPre=/bin/sleep 1000 still ran after") == true, "\(failed.reason ?? "")")
        // The second try is stopped while it runs.
        try torpor.waitFor(.waking)
        #expect(directory.lines(of: "out") == [])
        client.close()
      }
    }

    @Test func aServiceThatFallsSilentIsEndedByItsWatchdog() throws {
      // Swift's own handler of SIGABRT takes minutes on a busy machine.
      let settings = [
        "Environment=SWIFT_BACKTRACE=enable=no", "Type=notify", "WatchdogSec=300ms",
        "ExecStopPost=@note $SERVICE_RESULT $EXIT_STATUS",
      ]
      try run(settings, server: ["--notify-ready-ms", "0"], idle: "1h") { torpor, endpoint, directory in
        try Client.ask(endpoint, .ping)
        try torpor.waitFor(.serving)
        let failed = try torpor.waitFor(.failed)
        #expect(failed.reason?.contains("WATCHDOG=1") == true)
        #expect(directory.lines(of: "out") == ["watchdog ABRT"])
      }
    }

    /// systemd-notify(1) waits until what it has said was read, by a descriptor that it sends (BARRIER=1).
    @Test(.enabled(if: access("/usr/bin/systemd-notify", X_OK) == 0, "systemd-notify isn't installed"))
    func aScriptSaysThatItIsReady() throws {
      for _ in 1...3 {
        try run(["Type=notify", "NotifyAccess=all"], record: "systemd-notify --ready --status=up; echo status $?") {
          torpor, endpoint, directory in
          // The script is ready before its server is, so that no socket can be put in place then: it is relayed.
          try Client.ask(endpoint, .ping)
          try torpor.waitFor(.serving)
          #expect(directory.lines(of: "out") == ["status 0"])
        }
      }
    }

    @Test(.enabled(if: Machine.isRoot, "needs root, to give directories away"))
    func directoriesAreTheUsersAndGoWithTheService() throws {
      let settings = [
        "User=nobody", "RuntimeDirectory=app", "RuntimeDirectory=app/inner", "StateDirectory=data", "Root=@root",
      ]
      let record =
        "echo $RUNTIME_DIRECTORY; echo $STATE_DIRECTORY; stat -c '%a %U' $STATE_DIRECTORY; "
        + "touch $STATE_DIRECTORY/kept; mkdir -p ${RUNTIME_DIRECTORY%%:*}/deep/er; ln -s /etc ${RUNTIME_DIRECTORY%%:*}/link"
      try run(settings, record: record) { torpor, endpoint, directory in
        for name in ["root", "root/run", "root/lib"] {
          mkdir(directory.path(name), 0o755)
          chmod(directory.path(name), 0o755)
        }
        for _ in 1...2 { try torpor.wakeAndRest(endpoint) }
        let root = directory.path("root")
        let life = ["\(root)/run/app:\(root)/run/app/inner", "\(root)/lib/data", "700 nobody"]
        #expect(directory.lines(of: "out").map(String.init) == life + life)
        #expect(access("\(root)/run/app", F_OK) != 0)
        #expect(access("\(root)/lib/data/kept", F_OK) == 0)
        #expect(access("/etc/passwd", F_OK) == 0)
      }
    }

    @Test func whatCannotBeSetUpIsNamedWithItsStatus() throws {
      for (setting, text) in [
        (
          "WorkingDirectory=/there/is/none",
          "cannot change to directory '/there/is/none': No such file or directory (200/CHDIR)"
        ),
        (
          "ExecStartPre=/there/is/none",
          "ExecStartPre=: cannot start '/there/is/none': No such file or directory (203/EXEC)"
        ),
      ] {
        try run([setting]) { torpor, endpoint, _ in
          let client = try Client(connectingTo: endpoint)
          let failed = try torpor.waitFor(.failed)
          #expect(failed.reason?.contains(text) == true, "\(failed.reason ?? "")")
          client.close()
        }
      }
    }
  }
}
