import Foundation
import Testing

/// Runs services as unit files would have them.
protocol ExecutedUnit {}

extension ExecutedUnit {
  /// Runs `unitrun` with a server that is started by a script, so that what it was born with is written down first.
  func run(
    _ settings: [String], record: String = "", server: [String] = [], main: Bool = true, idle: String = "50ms",
    confinement: Confinement? = .everywhere,
    body: (TorporProcess, Endpoint, TemporaryDirectory) throws -> Void
  ) throws {
    let directory = try TemporaryDirectory()
    directory.makeWorldWritable()
    let binaries = try Binaries.built.copied(to: directory)
    let endpoint = Endpoint.v4(try freePort())
    let command = OddServer.command(endpoint, server, binaries: binaries).joined(separator: " ")
    let out = directory.path("out")
    try directory.write(
      "#!/bin/sh\n{ \(record.isEmpty ? ":" : record); } >> \(out)\nexec \(command)\n", to: "main", mode: 0o755)
    try directory.write("#!/bin/sh\necho \"$*\" >> \(out)\n", to: "note", mode: 0o755)
    let all =
      (main ? ["ExecStart=\(directory.path("main"))"] : [])
      + settings.map {
        $0.replacingOccurrences(of: "@", with: directory.path + "/")
      }
    let arguments = ["\(endpoint)", idle] + all
    try TorporProcess.run(arguments, confinement: confinement, program: [Binaries.built.unitrun]) { torpor in
      try body(torpor, endpoint, directory)
    }
  }
}
