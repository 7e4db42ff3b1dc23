import Glibc
import Testing

extension ServerTests {
  /// What the service is born with.
  @Suite struct SpawnTests {
    @Test func noSignalIsBlockedOrIgnoredWhateverTorporWasStartedWith() throws {
      let wrapper = ["env", "--ignore-signal=HUP,PIPE,USR2", "--block-signal=USR1,WINCH"]
      try withService(wrapper: wrapper) { _, service in
        for set in ["SigBlk", "SigIgn", "SigPnd"] {
          try #require(ProcessTable.status(service, set) == "0000000000000000")
        }
      }
    }

    @Test(.enabled(if: Machine.isRoot, "needs root, to change the user"))
    func theServiceHasTheUsersRightsAndNoOthers() throws {
      let copies = try TemporaryDirectory()
      try withService(["--user", "nobody"], binaries: Binaries.built.copied(to: copies)) { _, service in
        try #require(ProcessTable.status(service, "Uid") == "65534\t65534\t65534\t65534")
        try #require(ProcessTable.status(service, "Gid") == "65534\t65534\t65534\t65534")
        let groups = ProcessTable.status(service, "Groups")
        try #require(groups == "" || groups == "65534")
        try #require(ProcessTable.status(service, "CapEff") == "0000000000000000")
        try #require(ProcessTable.environment(service)["LISTEN_PID"] == "\(service)")
      }
    }

    @Test func theServiceHasNoDescriptorButItsOwn() throws {
      try withService { endpoint, service in
        let descriptors = ProcessTable.descriptors(service)
        let environment = ProcessTable.environment(service)
        try #require(environment["LISTEN_FDS"] == "1")
        try #require(environment["LISTEN_PID"] == "\(service)")
        try #require(descriptors[0] != nil && descriptors[1] != nil && descriptors[2] != nil)
        // What it makes itself: its epoll and its connection. What it is given: the one held socket.
        let others = descriptors.filter { $0.key > 2 && $0.value != descriptors[3] }
        let connections = TCPSocket.all(localPort: endpoint.port, .established).map { "socket:[\($0.inode)]" }
        let own = Set(connections + ["anon_inode:[eventpoll]"])
        try #require(others.filter { own.contains($0.value) == false }.isEmpty)
      }
    }

    @Test func oneWithoutRootGetsNoNewPrivilegesAndRootKeepsSetuidPrograms() throws {
      try withService { _, service in
        try #require(ProcessTable.status(service, "NoNewPrivs") == (Machine.isRoot ? "0" : "1"))
      }
    }

    /// Without it the kernel takes no filter from an ordinary user (seccomp(2)).
    @Test(.enabled(if: Machine.canBecomeNobody, "needs root and setpriv, to become an ordinary user"))
    func anOrdinaryUsersServiceCanGainNoPrivileges() throws {
      let copies = try TemporaryDirectory()
      try withService(wrapper: Machine.asNobody, binaries: Binaries.built.copied(to: copies)) { _, service in
        try #require(ProcessTable.status(service, "NoNewPrivs") == "1")
        try #require(ProcessTable.status(service, "Uid") == "65534\t65534\t65534\t65534")
      }
    }

    @Test func whatTheServiceWritesGoesWhereItWouldWithoutTorpor() throws {
      let endpoint = Endpoint.v4(try freePort())
      let flags = ["--stdout-line", "to the output", "--stderr-line", "to the errors"]
      let arguments = ["-l", "\(endpoint)", "--idle", "1s", "--"] + OddServer.command(endpoint, flags)
      let plain = try ChildProcess([Binaries.built.torpor, "run"] + arguments)
      defer { plain.endWithDescendants() }
      try #require(plain.errors.contains("is dormant", within: .seconds(10)))
      try Client.ask(endpoint, .ping)
      #expect(plain.output.contains("to the output", within: .seconds(5)))
      #expect(plain.errors.contains("to the errors", within: .seconds(5)))
      plain.send(SIGTERM)
      #expect(plain.waitForExit(within: .seconds(5)) == .exited(0))
      #expect(plain.output.all == ["to the output"])

      // Events have the standard output for themselves.
      try TorporProcess.run(arguments) { torpor in
        try Client.ask(endpoint, .ping)
        try #require(torpor.errors.contains("to the output", within: .seconds(5)))
        try #require(torpor.errors.contains("to the errors", within: .seconds(5)))
        try torpor.waitFor(.rested)
      }
    }

    private func withService(
      _ options: [String] = [], wrapper: [String] = [], binaries: Binaries = .built,
      _ body: (Endpoint, pid_t) throws -> Void
    ) throws {
      let endpoint = Endpoint.v4(try freePort())
      let command = OddServer.command(endpoint, binaries: binaries)
      let arguments = ["-l", "\(endpoint)", "--idle", "50ms"] + options + ["--"] + command
      try TorporProcess.run(arguments, wrapper: wrapper, binaries: binaries) { torpor in
        let client = try Client(connectingTo: endpoint)
        try client.ask(.ping)
        let serving = try torpor.waitFor(.serving)
        try body(endpoint, try #require(serving.pid))
        client.close()
        try torpor.waitFor(.rested)
      }
    }
  }
}
