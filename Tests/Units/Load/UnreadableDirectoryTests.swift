import Testing

@testable import Units

/// Some of whose directories can't be read.
private struct ShutFiles: UnitFiles {
  var files = MemoryFiles()
  var shut: Set<String> = []

  func list(_ directory: String) throws(UnreadableDirectory) -> [String]? {
    if shut.contains(directory) { throw UnreadableDirectory("Input/output error") }
    return files.list(directory)
  }

  func read(_ path: String) -> UnitFileContents { files.read(path) }
}

@Suite struct UnreadableDirectoryTests {
  private static let text = "[Socket]\nListenStream=1\n[Service]\nExecStart=/bin/x\n"

  @Test func unitsOfADirectoryThatCantBeReadAreNotKnown() {
    var files = ShutFiles()
    files.files.set("/a/one.torpor", Self.text)
    files.files.set("/b/two.torpor", Self.text)
    files.shut = ["/a"]
    let set = UnitLoader(files: files, directories: ["/a", "/b", "/none"]).loadAll()
    #expect(set.units.map(\.name) == ["two"] && set.unreadableDirectories == ["/a"])
    #expect(
      set.diagnostics.map(\.description) == ["/a:1:1: error: this directory can't be read: Input/output error"])
  }

  /// What they change isn't known: without it the unit would be another one.
  @Test func aUnitWhoseDropInsCantBeReadIsOfNoUse() throws {
    var files = ShutFiles()
    files.files.set("/a/one.torpor", Self.text)
    files.files.set("/a/one.torpor.d/x.conf", "[Service]\nUser=nobody\n")
    files.shut = ["/a/one.torpor.d"]
    let unit = try #require(UnitLoader(files: files, directories: ["/a"]).loadAll()["one"])
    #expect(!unit.isUsable)
    #expect(unit.diagnostics.first?.file == "/a/one.torpor.d")
  }
}
