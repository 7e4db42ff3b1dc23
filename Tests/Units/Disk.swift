import Glibc
import Units

/// Unit files as they are on this machine's disk, behind others that a test makes up.
struct Disk: UnitFiles {
  var made = MemoryFiles()

  func list(_ directory: String) -> [String]? {
    var names = made.list(directory) ?? []
    guard let stream = opendir(directory) else { return names.isEmpty ? nil : names }
    defer { closedir(stream) }
    while let entry = readdir(stream) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
        pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name != ".", name != ".." { names.append(name) }
    }
    return names
  }

  func read(_ path: String) -> UnitFileContents {
    if made[path] != .missing { return made[path] }
    var link = [CChar](repeating: 0, count: 4096)
    let length = readlink(path, &link, link.count - 1)
    if length > 0 {
      let target = String(decoding: link[..<length].map { UInt8(bitPattern: $0) }, as: UTF8.self)
      if target == "/dev/null" { return .masked }
      let name = target.split(separator: "/").last.map(String.init) ?? target
      if name != path.split(separator: "/").last.map(String.init) { return .alias(of: name) }
    }
    guard let bytes = Self.bytes(path) else { return .missing }
    return bytes.isEmpty ? .masked : .bytes(bytes)
  }

  static func bytes(_ path: String) -> [UInt8]? {
    guard let stream = fopen(path, "r") else { return nil }
    defer { fclose(stream) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 65536)
    while true {
      let count = fread(&chunk, 1, chunk.count, stream)
      guard count > 0 else { return bytes }
      bytes += chunk[..<count]
    }
  }
}
