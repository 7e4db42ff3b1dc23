import FoundationEssentials
import Glibc
import Linux
import Torpor

/// Our standard output, and what is known of whoever reads it.
enum Terminal {
  /// Colours and cutting are for people: not for files and pipes, and not for those who don't want them (no-color.org).
  static var style: TextStyle {
    let isTerminal = isatty(1) == 1
    let wantsColours = (Environment.variable("NO_COLOR") ?? "").isEmpty && Environment.variable("TERM") != "dumb"
    return TextStyle(hasColours: isTerminal && wantsColours, width: width(isTerminal: isTerminal))
  }

  /// As COLUMNS says or, if it doesn't, the terminal.
  private static func width(isTerminal: Bool) -> Int? {
    if let columns = Environment.variable("COLUMNS").flatMap({ Int($0) }), columns > 0 { return max(columns, 20) }
    guard isTerminal else { return nil }
    var size = winsize()
    guard unsafe ioctl(1, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
    return max(Int(size.ws_col), 20)
  }

  static var isTerminal: Bool { isatty(1) == 1 }

  /// Writes all of it. Whoever no longer reads it wants no more of us.
  static func write(_ text: String) { write(Array(text.utf8)) }

  static func write(_ bytes: [UInt8]) {
    var start = 0
    while start < bytes.count {
      let count = unsafe bytes.withUnsafeBytes {
        unsafe Glibc.write(1, $0.baseAddress.map { unsafe $0 + start }, bytes.count - start)
      }
      if count < 0 { outputFailed(Errno(errno)) } else { start += count }
    }
  }

  /// Returns if it is worth another try.
  private static func outputFailed(_ error: Errno) {
    switch error {
    case .interrupted: return
    case .again:
      // Somebody has made it non-blocking, who has it, too. Waited for as any blocking write: as long as its reader is there.
      var wanted = pollfd(fd: 1, events: Int16(POLLOUT), revents: 0)
      _ = unsafe poll(&wanted, 1, -1)
    // As SIGPIPE would have it, where it is ignored.
    case Errno(EPIPE): exit(141)
    default:
      StandardStreams.writeError("torpor: cannot write the output: \(error)\n")
      exit(1)
    }
  }

  /// One JSON value, on a line of its own.
  static func writeJSON(_ value: some Encodable) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    write(Array(try encoder.encode(value)) + [UInt8(ascii: "\n")])
  }

  /// Seconds since 1970.
  static var now: Double { Double(RealtimeClock.now()) / 1e9 }

  /// "14:03:59", as the clock on the wall says.
  static func clock(_ time: Double) -> String {
    guard time > 0, time < 1e11 else { return "--:--:--" }
    var seconds = time_t(time)
    var parts = unsafe tm()
    guard unsafe localtime_r(&seconds, &parts) != nil else { return "--:--:--" }
    let numbers = unsafe [parts.tm_hour, parts.tm_min, parts.tm_sec]
    return numbers.map { $0 < 10 ? "0\($0)" : "\($0)" }.joined(separator: ":")
  }
}
