import Foundation
import Testing

extension ServerTests {
  /// `torpor check`: unit files are read, and nothing else is done.
  @Suite struct CheckCommandTests {
    private func check(_ arguments: [String]) throws -> (status: ExitStatus?, output: [String], errors: String) {
      let process = try ChildProcess([Binaries.built.torpor, "check"] + arguments)
      defer { process.killAndWait() }
      let status = process.waitForExit(within: .seconds(10))
      _ = process.output.waitForEnd(within: .seconds(5))
      _ = process.errors.waitForEnd(within: .seconds(5))
      return (status, process.output.all, process.errors.text)
    }

    private let good = "[Socket]\nListenStream=127.0.0.1:6379\n[Service]\nExecStart=/bin/true\n"

    @Test func whatIsRightIsSaidToBe() throws {
      let directory = try TemporaryDirectory()
      let file = try directory.write(good, to: "redis.torpor")
      let ran = try check([file])
      #expect(ran.status == .exited(0))
      #expect(ran.output.last == "1 unit: 0 errors, 0 warnings")
    }

    @Test func aMistakeHasItsPlace() throws {
      let directory = try TemporaryDirectory()
      let file = try directory.write(good + "KillSignal=SIGNONSENSE\n", to: "redis.torpor")
      let ran = try check([file])
      #expect(ran.status == .exited(1))
      #expect(ran.output.first?.hasPrefix("\(file):5:12: error: ") == true, "\(ran.output)")
      #expect(ran.output.contains("  KillSignal=SIGNONSENSE"))
      #expect(ran.output.last == "1 unit: 1 error, 0 warnings")
    }

    @Test func whatOnlyThisMachineKnowsIsChecked() throws {
      let directory = try TemporaryDirectory()
      let file = try directory.write(good + "User=nobody-of-this-name\n", to: "redis.torpor")
      let ran = try check([file])
      #expect(ran.status == .exited(1))
      #expect(ran.output.first == "\(file): error: User=nobody-of-this-name: there is no such user")
    }

    @Test func protectionsThatAreNotAppliedAreErrorsWhereThatIsWanted() throws {
      let directory = try TemporaryDirectory()
      let file = try directory.write(good + "ProtectSystem=strict\n", to: "redis.torpor")
      let lax = try check([file])
      #expect(lax.status == .exited(0))
      #expect(lax.output.last == "1 unit: 0 errors, 1 warning")
      #expect(try check(["--strict", file]).status == .exited(1))
    }

    @Test func aPairIsReadByEitherName() throws {
      let directory = try TemporaryDirectory()
      let socket = try directory.write("[Socket]\nListenStream=127.0.0.1:6379\n", to: "redis.socket")
      let service = try directory.write("[Service]\nExecStart=/bin/true\nKillSignal=NO\n", to: "redis.service")
      for file in [socket, service] {
        let ran = try check([file])
        #expect(ran.status == .exited(1))
        #expect(ran.output.contains { $0.hasPrefix("\(service):3:") }, "\(ran.output)")
      }
    }

    @Test func whatIsNoUnitIsNamed() throws {
      let directory = try TemporaryDirectory()
      let lonely = try directory.write("[Service]\nExecStart=/bin/true\n", to: "lonely.service")
      #expect(try check([lonely]).errors.contains("there is no unit 'lonely' in '\(directory.path)'"))
      #expect(try check([directory.path("missing.torpor")]).status == .exited(1))
      #expect(try check(["/etc/passwd"]).status == .exited(2))
    }
  }
}
