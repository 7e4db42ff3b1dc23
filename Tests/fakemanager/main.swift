import Glibc
import Linux
import Torpor

// fakemanager PATH UNITS [CLIENTS-MAX]: serves the control socket until SIGTERM.
let arguments = Swift.CommandLine.arguments
guard arguments.count > 2, let units = Int(arguments[2]) else { exit(2) }
do {
  let loop = try EventLoop()
  let manager = FakeManager(units: units, loop: loop)
  var limits = ControlServer.Limits()
  if arguments.count > 3, let clients = Int(arguments[3]) { limits.clients = clients }
  let server = try ControlServer(path: arguments[1], manager: manager, loop: loop, limits: limits)
  server.onWarning = { StandardStreams.writeError("warning: \($0)\n") }
  manager.onEvent = { server.announce($0) }
  let signals = try Signals([SIGTERM, SIGINT])
  _ = try loop.add(signals.descriptor, for: .readable) { _ in
    server.stop()
    loop.stop()
  }
  print("ready")
  fflush(nil)
  try loop.run()
} catch {
  StandardStreams.writeError("fakemanager: \(error)\n")
  exit(1)
}
