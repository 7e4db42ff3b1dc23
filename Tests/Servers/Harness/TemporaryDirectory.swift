import Foundation

/// A directory that everybody may read, and that is removed in the end.
final class TemporaryDirectory: Sendable {
  let path: String

  init() throws {
    var template = Array("/tmp/torpor-tests.XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw SystemFailure("make a temporary directory") }
    path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    chmod(path, 0o755)
  }

  deinit { remove() }

  func remove() { try? FileManager.default.removeItem(atPath: path) }

  func path(_ name: String) -> String { path + "/" + name }

  @discardableResult
  func write(_ text: String, to name: String, mode: mode_t = 0o644) throws -> String {
    let file = path(name)
    try text.write(toFile: file, atomically: true, encoding: .utf8)
    chmod(file, mode)
    return file
  }

  /// A directory in it.
  func make(_ name: String, mode: mode_t = 0o755) throws {
    try FileManager.default.createDirectory(atPath: path(name), withIntermediateDirectories: true)
    chmod(path(name), mode)
  }

  func makeWorldWritable() { chmod(path, 0o777) }

  func lines(of name: String) -> [Substring] {
    (ProcessTable.contents(of: path(name)) ?? "").split(separator: "\n")
  }
}
