import Foundation

/// The programs under test, which are built next to the test's own binary.
struct Binaries: Sendable {
  let directory: String

  static let built: Binaries = {
    if let directory = ProcessInfo.processInfo.environment["TORPOR_BIN_DIR"] { return Binaries(directory: directory) }
    let own = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
    return Binaries(directory: (own.map { ($0 as NSString).deletingLastPathComponent }) ?? ".")
  }()

  var torpor: String { directory + "/torpor" }
  var hammer: String { directory + "/hammer" }
  var oddserver: String { directory + "/oddserver" }
  var hostile: String { directory + "/hostile" }
  var confined: String { directory + "/confined" }

  /// Copies that another user may run, wherever the build directory is.
  func copied(to target: TemporaryDirectory) throws -> Binaries {
    let copies = Binaries(directory: target.path)
    for (from, to) in [
      (torpor, copies.torpor), (oddserver, copies.oddserver), (hammer, copies.hammer), (hostile, copies.hostile),
      (confined, copies.confined),
    ] {
      try FileManager.default.copyItem(atPath: from, toPath: to)
      chmod(to, 0o755)
    }
    return copies
  }
}
