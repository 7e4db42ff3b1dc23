/// What a service says by sd_notify(3): lines of VARIABLE=VALUE. What we don't know, and what is malformed, says nothing.
struct NotifyMessage: Equatable {
  enum Watchdog: Equatable {
    /// WATCHDOG=1
    case alive
    /// WATCHDOG=trigger
    case expired
  }

  var isReady = false
  var isReloading = false
  var isStopping = false
  /// What it says of itself, at most 256 characters and none that would be a command to a terminal.
  var status: String?
  var errno: Int32?
  var mainPID: Int32?
  /// EXTEND_TIMEOUT_USEC=
  var extendedTimeout: Duration?
  var watchdog: Watchdog?
  /// WATCHDOG_USEC=
  var watchdogTimeout: Duration?
  /// X-BUSY=1: true; X-IDLE=1: false.
  var isBusy: Bool?
  /// FDSTORE=1: what came with it is to be kept.
  var storesDescriptors = false

  static let statusCharactersMax = 256

  init(_ bytes: [UInt8]) {
    for line in bytes.split(separator: UInt8(ascii: "\n")) {
      guard let equals = line.firstIndex(of: UInt8(ascii: "=")) else { continue }
      take(String(decoding: line[..<equals], as: UTF8.self), line[line.index(after: equals)...])
    }
  }

  /// It says something that somebody listens to. To find out whose word it is costs more than to read it.
  var isEmpty: Bool { self == NotifyMessage([]) }

  private mutating func take(_ name: String, _ bytes: ArraySlice<UInt8>) {
    let value = String(decoding: bytes.prefix(4 * Self.statusCharactersMax), as: UTF8.self)
    switch name {
    case "READY": if value == "1" { isReady = true }
    case "RELOADING": if value == "1" { isReloading = true }
    case "STOPPING": if value == "1" { isStopping = true }
    case "STATUS": status = Self.printable(value)
    case "ERRNO": errno = Self.number(value).flatMap { Int32(exactly: $0) }
    case "MAINPID": mainPID = Self.number(value).flatMap { Int32(exactly: $0) }.flatMap { $0 > 1 ? $0 : nil }
    case "EXTEND_TIMEOUT_USEC": extendedTimeout = Self.microseconds(value)
    case "WATCHDOG":
      if value == "1" { watchdog = .alive } else if value == "trigger" { watchdog = .expired }
    case "WATCHDOG_USEC": watchdogTimeout = Self.microseconds(value)
    case "X-BUSY": if value == "1" { isBusy = true }
    case "X-IDLE": if value == "1" { isBusy = false }
    case "FDSTORE": if value == "1" { storesDescriptors = true }
    default: break
    }
  }

  private static func number(_ text: String) -> UInt64? {
    guard !text.isEmpty, text.utf8.allSatisfy({ (48...57).contains($0) }) else { return nil }
    return UInt64(text)
  }

  /// A century at most, so that nothing overflows.
  private static func microseconds(_ text: String) -> Duration? {
    number(text).map { .microseconds(Int64(min($0, 3_000_000_000_000_000))) }
  }

  private static func printable(_ text: String) -> String {
    let scalars = text.unicodeScalars.filter { scalar in
      // Control characters, and those that turn the direction of writing around.
      scalar.value >= 0x20 && !(0x7f...0x9f).contains(scalar.value) && !(0x202a...0x202e).contains(scalar.value)
        && !(0x2066...0x2069).contains(scalar.value)
    }
    return String(String(String.UnicodeScalarView(scalars)).prefix(statusCharactersMax))
  }
}
