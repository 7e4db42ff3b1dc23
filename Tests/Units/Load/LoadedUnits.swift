@testable import Units

/// Units that are loaded from files in memory.
protocol LoadedUnits {}

extension LoadedUnits {
  static var directories: [String] { ["/etc/torpor", "/run/torpor", "/usr/lib/torpor"] }
  var socket: String { "[Socket]\nListenStream=80\n" }
  var service: String { "[Service]\nExecStart=/bin/web\n" }

  func load(_ texts: [String: String], isStrict: Bool = false) -> UnitSet {
    UnitLoader(files: files(texts), directories: Self.directories, isStrict: isStrict).loadAll()
  }

  func files(_ texts: [String: String]) -> MemoryFiles {
    var files = MemoryFiles()
    for (path, text) in texts { files.set(path, text) }
    return files
  }
}
