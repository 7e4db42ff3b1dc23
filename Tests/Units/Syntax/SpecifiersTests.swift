import Testing

@testable import Units

@Suite struct SpecifiersTests {
  private func expanded(_ text: String, name: String) throws -> String {
    let name = try #require(UnitName(name))
    let own = Specifiers.system.of(name, file: "/etc/torpor/\(name)")
    return Template(try own.expand(text)).literal ?? "?"
  }

  /// As `systemd-analyze` and `systemctl show` of 252 have them.
  @Test(arguments: [
    (
      "%n|%N|%p|%P|%i|%I|%j|%J|%f", "foo-b\\x2dar@x-y\\x2dz.service",
      #"foo-b\x2dar@x-y\x2dz.service|foo-b\x2dar@x-y\x2dz|foo-b\x2dar|foo/b-ar|x-y\x2dz|x/y-z|b\x2dar|b-ar|/x/y-z"#
    ),
    ("%n|%N|%p|%i|%I|%j|%f", "foo-bar.socket", "foo-bar.socket|foo-bar|foo-bar|||bar|/foo/bar"),
    ("%t/%S/%C/%L/%E/%u/%U/%h/%T/%V", "a.service", "/run//var/lib//var/cache//var/log//etc/root/0//root//tmp//var/tmp"),
    ("%y %Y", "a.torpor", "/etc/torpor/a.torpor /etc/torpor"), ("100%%", "a.service", "100%"),
  ])
  func areReplaced(_ text: String, _ name: String, _ result: String) throws {
    #expect(try expanded(text, name: name) == result)
  }

  @Test func unknownOnesAreErrorsWithTheirPlace() {
    #expect(
      Reading("[Service]\nExecStart=/bin/date +%D\n[Unit]\nDescription=on %b\n[X-Idle]\nBusyCheck=/bin/x 5%\n").messages
        == [
          "2:22: error: ExecStart=: '%D' is not a specifier (a literal percent sign is written %%)",
          "4:16: error: Description=: '%b' (boot ID) is not known here",
          "6:19: error: BusyCheck=: '%' at the end means nothing (a literal percent sign is written %%)",
        ])
  }

  @Test func placeholdersSurviveInCommandsAndVariables() {
    let reading = Reading(
      "[Service]\nExecStart=/bin/x fd@%{fd:web} '%{fds:; }' %%{fd} %n\nEnvironment=NGINX=%{fds:;} FD=%{fd}\n")
    #expect(reading.messages == [])
    #expect(
      reading.service.execStart.map(\.words) == [["/bin/x", "fd@%{fd:web}", "%{fds:; }", "%{fd}", "test.torpor"]])
    #expect(
      reading.service.execStart[0].arguments[1].parts == [.literal("fd@"), .placeholder(.descriptor(name: "web"))])
    // What was written as a text remains one.
    #expect(reading.service.execStart[0].arguments[3].placeholderText { _ in nil } == ["%%{fd}"])
    #expect(reading.service.execution.environment.map(\.value.shown) == ["%{fds:;}", "%{fd}"])
  }

  @Test func placeholdersAreErrorsElsewhereAndWhereTheyAreMalformed() {
    #expect(
      Reading("[Service]\nUser=%{fd}\nExecStart=/bin/x %{fx}\nEnvironment=A=%{fd:}\n").messages == [
        "2:6: error: User=: '%{' is not a specifier (a literal percent sign is written %%)",
        "3:18: error: ExecStart=: '%{fx}' is none of %{fd:NAME}, %{fd}, %{fds} and %{fds:TEXT} (a literal percent sign is written %%)",
        "4:15: error: Environment=: '%{fd:}' is none of %{fd:NAME}, %{fd}, %{fds} and %{fds:TEXT} (a literal percent sign is written %%)",
      ])
  }
}
