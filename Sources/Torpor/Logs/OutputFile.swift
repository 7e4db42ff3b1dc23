import Glibc
import Linux

/// A file that a unit names for its output: the administrator's word is taken for where it is.
enum OutputFile {
  /// Throws `Errno(ENXIO)` for a FIFO that nobody reads, and for a socket.
  static func open(_ stream: StandardStream) throws(Errno) -> OwnedFD {
    guard let path = stream.path else { throw .invalid }
    // Not to wait for a FIFO's reader or a modem's carrier, and not to become anybody's terminal.
    var flags = O_WRONLY | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY
    switch stream {
    case .append: flags |= O_APPEND
    case .truncate: flags |= O_TRUNC
    case .file, .inherit, .null, .journal, .socket, .log: break
    }
    let number = unsafe Glibc.open(path, flags, 0o644)
    guard number >= 0 else { throw Errno(errno) }
    let file = try OwnedFD(owning: number).kept()
    try file.setNonBlocking(false)
    return file
  }
}
