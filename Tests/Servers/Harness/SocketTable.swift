import Foundation
import Glibc

/// One line of /proc/net/tcp or tcp6.
struct TCPSocket: Equatable, Sendable {
  enum State: String {
    case established = "01"
    case closeWait = "08"
    case listening = "0A"
  }
  static let keepaliveTimer = 2

  let localPort: UInt16
  let remotePort: UInt16
  let state: String
  let timer: Int
  /// Until it expires, in hundredths of a second.
  let timerTicks: Int
  /// 0: nobody has accepted it.
  let inode: UInt64

  /// Every one with this local port and state, v4 and v6.
  static func all(localPort: UInt16, _ state: State) -> [TCPSocket] {
    all(withPort: localPort, state).filter { $0.localPort == localPort }
  }

  static func all(remotePort: UInt16, _ state: State) -> [TCPSocket] {
    all(withPort: remotePort, state).filter { $0.remotePort == remotePort }
  }

  private static func all(withPort number: UInt16, _ state: State) -> [TCPSocket] {
    let digits = String(number, radix: 16, uppercase: true)
    let port = ":" + String(repeating: "0", count: 4 - digits.count) + digits
    return ["/proc/net/tcp", "/proc/net/tcp6"].flatMap { lines(of: $0, containing: port) }
      .compactMap { TCPSocket(line: $0) }
      .filter { $0.state == state.rawValue }
  }

  /// Hammered machines have tens of thousands of lines there, so that only those that matter are looked at closer.
  private static func lines(of path: String, containing text: String) -> [String] {
    guard let file = fopen(path, "re") else { return [] }
    defer { fclose(file) }
    var found: [String] = []
    var buffer = [CChar](repeating: 0, count: 512)
    while fgets(&buffer, Int32(buffer.count), file) != nil {
      guard strstr(buffer, text) != nil else { continue }
      found.append(String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self))
    }
    return found
  }

  private init?(line: String) {
    let fields = line.split(separator: " ")
    guard fields.count > 9, let port = fields[1].split(separator: ":").last.flatMap({ UInt16($0, radix: 16) }),
      let peer = fields[2].split(separator: ":").last.flatMap({ UInt16($0, radix: 16) }),
      let timer = fields[5].split(separator: ":").first.flatMap({ Int($0, radix: 16) }),
      let ticks = fields[5].split(separator: ":").last.flatMap({ Int($0, radix: 16) }), let inode = UInt64(fields[9])
    else { return nil }
    self.localPort = port
    remotePort = peer
    timerTicks = ticks
    self.state = String(fields[3])
    self.timer = timer
    self.inode = inode
  }
}

extension ProcessTable {
  /// The descriptors of a process that are listening TCP sockets on this port.
  static func listeners(_ pid: pid_t, port: UInt16) -> [Int32] {
    let names = Set(TCPSocket.all(localPort: port, .listening).map { "socket:[\($0.inode)]" })
    return descriptors(pid).filter { names.contains($0.value) }.keys.sorted()
  }
}
