import Foundation

/// The compiler that these tests were built with, or at least one.
enum Toolchain {
  struct Missing: Error, CustomStringConvertible {
    let description = "no swiftc in PATH, nor next to the Swift libraries that this test runs with: add one to PATH"
  }

  static func compiler() throws(Missing) -> String {
    for candidate in besideLibraries() + inPath() where FileManager.default.isExecutableFile(atPath: candidate) {
      return candidate
    }
    throw Missing()
  }

  /// TOOLCHAIN/usr/lib/swift/linux/libswiftCore.so is mapped; the compiler of the same release is TOOLCHAIN/usr/bin/swiftc.
  private static func besideLibraries() -> [String] {
    // To its end: a file of /proc has no length to go by.
    guard let bytes = try? FileHandle(forReadingAtPath: "/proc/self/maps")?.readToEnd(),
      let line = String(decoding: bytes, as: UTF8.self).split(separator: "\n")
        .first(where: { $0.hasSuffix("/libswiftCore.so") }),
      let start = line.firstIndex(of: "/"), let end = line.range(of: "/lib/swift/")
    else { return [] }
    return [line[start..<end.lowerBound] + "/bin/swiftc"]
  }

  private static func inPath() -> [String] {
    let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
    return path.split(separator: ":").map { $0 + "/swiftc" }
  }
}
