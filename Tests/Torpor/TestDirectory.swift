import Foundation
import Glibc

/// A directory of a test's own, removed in the end.
final class TestDirectory {
  let path: String

  init(in parent: String = NSTemporaryDirectory()) throws {
    var template = Array((parent + "/torpor-tests.XXXXXX").utf8CString)
    guard mkdtemp(&template) != nil else { throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO) }
    path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  func path(_ name: String) -> String { path + "/" + name }
  func text(_ name: String) -> String? { try? String(contentsOfFile: path(name), encoding: .utf8) }
  func bytes(_ name: String) -> [UInt8] { (try? Data(contentsOf: URL(filePath: path(name)))).map(Array.init) ?? [] }
  func write(_ bytes: [UInt8], to name: String) throws { try Data(bytes).write(to: URL(filePath: path(name))) }
  func write(_ text: String, to name: String) throws { try write(Array(text.utf8), to: name) }
}

/// What was warned of, in order.
final class Warnings {
  var all: [String] = []
}
