import Testing

@testable import Units

@Suite struct ValueTests {
  /// As `systemd-analyze timespan` of 252 has them, in microseconds.
  @Test(arguments: [
    ("0", 0), ("90", 90_000_000), ("1h 30s", 3_630_000_000), ("1h30min", 5_400_000_000), ("2 h", 7_200_000_000),
    ("1.5h", 5_400_000_000), ("0.5us", 0), ("250ms", 250_000), ("5min20s", 320_000_000), ("1M", 2_629_800_000_000),
    ("1y", 31_557_600_000_000), ("3w 1day 2hr", 1_908_000_000_000), ("300µs", 300), ("1s 1s", 2_000_000),
    (" 7 seconds ", 7_000_000), ("1.5", 1_500_000),
  ])
  func timeSpans(_ text: String, _ microseconds: Int64) throws {
    #expect(try TimeSpanSyntax.parse(text) == .microseconds(microseconds))
  }

  @Test func infinityIsNoSpan() throws {
    #expect(try TimeSpanSyntax.parse(" infinity ") == nil)
  }

  @Test(arguments: [
    "", "x", "-1", "1 fortnight", "1h -", ".5", "300y", "99999999999999999999", "18446744073709551616us",
  ])
  func whatIsNoTimeSpanIsRefused(_ text: String) {
    #expect(throws: ValueError.self) { try TimeSpanSyntax.parse(text) }
  }

  @Test func timeSpansAreWrittenAndReadBack() throws {
    for span: Duration in [.zero, .microseconds(1), .seconds(5400), .milliseconds(90_061_001), .seconds(86400 * 20)] {
      #expect(try TimeSpanSyntax.parse(TimeSpanSyntax.render(span)) == span)
    }
    #expect(TimeSpanSyntax.render(.seconds(5400)) == "1h 30min")
    #expect(TimeSpanSyntax.render(nil) == "infinity")
  }

  @Test(arguments: [
    ("4096", 4096), ("64K", 65536), ("1.5M", 1_572_864), ("1G 512M", 1_610_612_736), ("2T", 2_199_023_255_552),
    ("100B", 100), ("7E", 7 << 60),
  ])
  func sizes(_ text: String, _ bytes: UInt64) throws {
    #expect(try NumberSyntax.size(text) == bytes)
  }

  @Test(arguments: ["", "K", "1X", "1K 1M", "16E", "-1", "99999999999999999999"])
  func whatIsNoSizeIsRefused(_ text: String) {
    #expect(throws: ValueError.self) { try NumberSyntax.size(text) }
  }

  @Test func booleans() {
    for text in ["1", "yes", "Y", "TRUE", "t", "on"] { #expect(NumberSyntax.boolean(text) == true, "\(text)") }
    for text in ["0", "no", "N", "False", "f", "OFF"] { #expect(NumberSyntax.boolean(text) == false, "\(text)") }
    for text in ["", "2", "yess", "enabled"] { #expect(NumberSyntax.boolean(text) == nil, "\(text)") }
  }

  @Test func numbersModesAndPercentages() {
    #expect(NumberSyntax.unsigned("0x10") == 16)
    #expect(NumberSyntax.unsigned("010") == 8)
    #expect(NumberSyntax.unsigned("0") == 0)
    #expect(NumberSyntax.unsigned("0x+1") == nil)
    #expect(NumberSyntax.unsigned("+1") == nil)
    #expect(NumberSyntax.signed("-20") == -20)
    #expect(NumberSyntax.mode("0755") == 0o755)
    #expect(NumberSyntax.mode("2755") == 0o2755)
    #expect(NumberSyntax.mode("10000") == nil)
    #expect(NumberSyntax.mode("8") == nil)
    #expect(NumberSyntax.percentage("1%") == 100)
    #expect(NumberSyntax.percentage("0.25%") == 25)
    #expect(NumberSyntax.percentage("250%") == 25000)
    #expect(NumberSyntax.percentage("0.125%") == nil)
    #expect(NumberSyntax.percentage("5") == nil)
  }

  @Test func signals() {
    #expect(Signal("SIGTERM") == .terminate)
    #expect(Signal("TERM") == .terminate)
    #expect(Signal("15") == .terminate)
    #expect(Signal("WINCH")?.number == 28)
    #expect(Signal("RTMIN+3")?.number == 37)
    #expect(Signal("SIGRTMAX-1")?.number == 63)
    #expect(Signal("RTMIN")?.description == "SIGRTMIN+0")
    for text in ["", "0", "65", "SIGFOO", "RTMIN+31", "RTMAX+1", "-1", "RTMIN+-1"] {
      #expect(Signal(text) == nil, "\(text)")
    }
  }

  @Test func limits() throws {
    #expect(try ResourceLimit.parse("1024:infinity", for: .openFiles) == ResourceLimit(soft: 1024, hard: nil))
    #expect(try ResourceLimit.parse("64M", for: .core) == ResourceLimit(soft: 64 << 20, hard: 64 << 20))
    #expect(try ResourceLimit.parse("1.5", for: .cpu) == ResourceLimit(soft: 2, hard: 2))
    #expect(try ResourceLimit.parse("200ms", for: .realTimeTime) == ResourceLimit(soft: 200_000, hard: 200_000))
    #expect(try ResourceLimit.parse("200", for: .realTimeTime) == ResourceLimit(soft: 200, hard: 200))
    #expect(try ResourceLimit.parse("-5", for: .nice) == ResourceLimit(soft: 25, hard: 25))
    #expect(try ResourceLimit.parse("+5", for: .nice) == ResourceLimit(soft: 15, hard: 15))
    #expect(throws: ValueError("the soft limit is higher than the hard one")) {
      try ResourceLimit.parse("2:1", for: .openFiles)
    }
    #expect(throws: ValueError.self) { try ResourceLimit.parse("lots", for: .openFiles) }
    #expect(ResourceLimit.Resource.allCases.map(\.rawValue) == Array(0...15))
  }

  @Test func exitStatuses() {
    let status = Reading("[Service]\nSuccessExitStatus=TEMPFAIL 250 SIGKILL\nSuccessExitStatus=USR1 143\n").service
      .successExitStatus
    #expect(status.codes == [75, 250, 143])
    #expect(status.signals.map(\.number).sorted() == [9, 10])
    #expect(
      Reading("[Service]\nSuccessExitStatus=1 256\n").messages == [
        "2:21: error: SuccessExitStatus=: '256' is neither an exit code from 0 to 255, its name, nor a signal"
      ])
  }

  @Test func endsAndTheirTimes() {
    let service = Reading(
      """
      [Service]
      RestartPreventExitStatus=1 SIGKILL
      RestartForceExitStatus=3 4
      RestartForceExitStatus=TEMPFAIL
      TimeoutAbortSec=5min
      TimeoutStartFailureMode=abort
      TimeoutStopFailureMode=kill
      RuntimeMaxSec=1d
      """
    ).service
    #expect(service.restartPreventExitStatus.codes == [1])
    #expect(service.restartPreventExitStatus.signals.map(\.number) == [9])
    #expect(service.restartForceExitStatus.codes == [3, 4, 75])
    #expect(service.timeoutAbort == .some(.seconds(300)))
    #expect(service.timeoutStartFailureMode == .abort)
    #expect(service.timeoutStopFailureMode == .kill)
    #expect(service.runtimeMax == .seconds(86_400))
    #expect(Reading("[Service]\nTimeoutAbortSec=infinity\n").service.timeoutAbort == .some(nil))
    #expect(Reading("[Service]\nTimeoutAbortSec=5\nTimeoutAbortSec=\n").service.timeoutAbort == nil)
    #expect(
      Reading("[Service]\nRuntimeMaxSec=0\n").messages == [
        "2:15: error: RuntimeMaxSec=: 0 would end it at once; infinity is no limit"
      ])
  }

  @Test func settingsOfTheIssueAreTyped() {
    let reading = Reading(
      """
      [Service]
      User=www-data
      Group=33
      SupplementaryGroups=ssl-cert adm
      WorkingDirectory=-~
      UMask=007
      Nice=-5
      OOMScoreAdjust=-900
      LimitNOFILE=65535
      EnvironmentFile=-/etc/default/%N
      PassEnvironment=TERM LANG
      UnsetEnvironment=A B=c
      StandardOutput=append:/var/log/%p.log
      RuntimeDirectory=redis redis/data:redis-data
      RuntimeDirectoryMode=2755
      RuntimeDirectoryPreserve=yes
      NoNewPrivileges=true
      PIDFile=x.pid
      TimeoutSec=5min
      TimeoutStopSec=0
      WatchdogSec=3min
      KillMode=mixed
      KillSignal=QUIT
      """, name: "web.service")
    #expect(
      reading.messages == [
        "14:24: warning: RuntimeDirectory=: no symbolic link 'redis-data' to 'redis/data' is made"
      ])
    let process = reading.service.execution
    #expect(process.user == "www-data" && process.group == "33" && process.supplementaryGroups == ["ssl-cert", "adm"])
    #expect(process.workingDirectory == .init(place: .home, isOptional: true))
    #expect(process.umask == 7 && process.nice == -5 && process.oomScoreAdjust == -900)
    #expect(process.limits == [.openFiles: ResourceLimit(soft: 65535, hard: 65535)])
    #expect(process.environmentFiles == [.init(path: "/etc/default/web", isOptional: true)])
    #expect(process.passEnvironment == ["TERM", "LANG"] && process.unsetEnvironment == ["A", "B=c"])
    #expect(process.standardOutput == .append("/var/log/web.log"))
    #expect(process.runtimeDirectory.directories.map(\.path) == ["redis", "redis/data"])
    #expect(process.runtimeDirectory.directories[1].links == ["redis-data"])
    #expect(process.runtimeDirectory.mode == 0o2755 && process.runtimeDirectoryPreserve == .yes)
    #expect(process.noNewPrivileges)
    #expect(reading.service.pidFile == "/run/x.pid")
    #expect(reading.service.timeoutStart == .seconds(300) && reading.service.timeoutStop == nil)
    #expect(reading.service.watchdog == .seconds(180))
    #expect(reading.service.killing.mode == .mixed && reading.service.killing.signal.number == 3)
  }

  @Test func badValuesAreErrorsWithTheirPlace() {
    #expect(
      Reading(
        """
        [Service]
        Type=idle
        User=a:b
        Nice=20
        Restart=sometimes
        LimitNOFILE=5:4
        RuntimeDirectory=a ../b
        StandardOutput=tty
        """
      ).messages == [
        "2:6: error: Type=: 'idle' is not supported: there is no boot to wait for; Type=simple is the same otherwise",
        "3:6: error: User=: 'a:b' can't be the name or the number of a user or a group",
        "4:6: error: Nice=: '20' is not a number from -20 to 19",
        "5:9: error: Restart=: 'sometimes' is none of no, always, on-success, on-failure, on-abnormal, on-abort, on-watchdog",
        "6:13: error: LimitNOFILE=: the soft limit is higher than the hard one",
        "7:20: error: RuntimeDirectory=: '/../b' has '..' in it",
        "8:16: error: StandardOutput=: 'tty' is not supported: a service has no terminal",
      ])
  }
}
