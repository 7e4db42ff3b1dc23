import Glibc

/// The protocol of sd_notify(3).
enum Notification {
  static func sendReady() {
    guard let path = environment("NOTIFY_SOCKET") else { return say("oddserver: NOTIFY_SOCKET is not set") }
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    var bytes = Array(path.utf8)
    guard bytes.count > 1, bytes.count < MemoryLayout.size(ofValue: address.sun_path) else {
      die("NOTIFY_SOCKET is no path: \(path)", exitCode: 1)
    }
    // An abstract name is written with @ for its first, zero byte.
    if bytes[0] == UInt8(ascii: "@") { bytes[0] = 0 }
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
    let offset = MemoryLayout<sockaddr_un>.offset(of: \.sun_path) ?? 2
    let length = socklen_t(offset + bytes.count)

    let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    defer { close(descriptor) }
    let message = "READY=1"
    let sent = withUnsafePointer(to: address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        sendto(descriptor, message, message.utf8.count, Int32(MSG_NOSIGNAL), $0, length)
      }
    }
    if sent < 0 { dieOfSystemError("sendto \(path)") }
  }
}
