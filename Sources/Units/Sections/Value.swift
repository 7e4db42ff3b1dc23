/// The value of an entry on its way to its type. Every error says at which byte.
struct Value {
  let text: String
  let specifiers: Specifiers
  /// What is taken, but not as somebody may think.
  var warnings: [ValueError] = []

  init(_ text: String, specifiers: Specifiers = Specifiers([:])) {
    self.text = text
    self.specifiers = specifiers
  }

  func boolean() throws(ValueError) -> Bool {
    guard let value = NumberSyntax.boolean(text) else { throw ValueError("'\(text)' is neither yes nor no") }
    return value
  }

  func unsigned(_ range: ClosedRange<UInt32> = 0...UInt32.max) throws(ValueError) -> UInt32 {
    guard let number = NumberSyntax.unsigned(text).flatMap({ UInt32(exactly: $0) }), range.contains(number) else {
      throw ValueError(
        range.upperBound == .max
          ? "'\(text)' is not a number from \(range.lowerBound)"
          : "'\(text)' is not a number from \(range.lowerBound) to \(range.upperBound)")
    }
    return number
  }

  func integer(_ range: ClosedRange<Int32>) throws(ValueError) -> Int32 {
    guard let number = NumberSyntax.signed(text).flatMap({ Int32(exactly: $0) }), range.contains(number) else {
      throw ValueError("'\(text)' is not a number from \(range.lowerBound) to \(range.upperBound)")
    }
    return number
  }

  func size() throws(ValueError) -> UInt64 { try NumberSyntax.size(text) }

  func mode() throws(ValueError) -> UInt32 {
    guard let mode = NumberSyntax.mode(text) else {
      throw ValueError("'\(text)' is not a file mode: an octal number up to 7777 is expected")
    }
    return mode
  }

  /// nil: infinity.
  func timeSpan() throws(ValueError) -> Duration? { try TimeSpanSyntax.parse(text) }

  /// One that has to end.
  func finiteTimeSpan() throws(ValueError) -> Duration {
    guard let span = try timeSpan() else { throw ValueError("'infinity' is not allowed here") }
    return span
  }

  /// 0 is infinity, too: systemd's rule for timeouts.
  func timeout() throws(ValueError) -> Duration? {
    let span = try timeSpan()
    return span == .zero ? nil : span
  }

  func signal() throws(ValueError) -> Signal {
    guard let signal = Signal(text) else {
      throw ValueError("'\(text)' is not a signal (examples: SIGTERM, QUIT, 15, RTMIN+3)")
    }
    return signal
  }

  /// One of an enumeration's words. `refused` says why others that systemd knows can't be had.
  func word<Choice: CaseIterable & RawRepresentable<String>>(
    _ type: Choice.Type = Choice.self, refused: [String: String] = [:]
  ) throws(ValueError) -> Choice {
    if let choice = Choice(rawValue: text) { return choice }
    if let reason = refused[text] { throw ValueError("'\(text)' is not supported: \(reason)") }
    throw ValueError("'\(text)' is none of " + Choice.allCases.map(\.rawValue).joined(separator: ", "))
  }

  /// The text with its specifiers expanded.
  func string() throws(ValueError) -> String { Template(try specifiers.expand(text)).literal ?? "" }

  /// A word with its specifiers expanded.
  func string(_ word: WordReader.Word) throws(ValueError) -> String {
    do throws(ValueError) {
      return Template(try specifiers.expand(word.text)).literal ?? ""
    } catch { throw error.moved(by: word.offset) }
  }

  func path() throws(ValueError) -> String { try PathSyntax.plain(try string()) }

  /// Words as they are.
  func words(_ quoting: WordReader.Quoting = .none) throws(ValueError) -> [WordReader.Word] {
    try WordReader.words(text, quoting: quoting)
  }

  /// Words with their specifiers expanded.
  func strings(_ quoting: WordReader.Quoting = .none) throws(ValueError) -> [String] {
    var strings: [String] = []
    for word in try words(quoting) { strings.append(try string(word)) }
    return strings
  }

  /// Absolute paths.
  func paths() throws(ValueError) -> [String] {
    var paths: [String] = []
    for word in try words(.full) {
      let text = try string(word)
      do throws(ValueError) { paths.append(try PathSyntax.plain(text)) } catch { throw error.moved(by: word.offset) }
    }
    return paths
  }

  mutating func commands() throws(ValueError) -> [Command] { try CommandReader.commands(&self) }

  /// Exactly one.
  mutating func command() throws(ValueError) -> Command {
    let commands = try commands()
    guard let command = commands.first, commands.count == 1 else { throw ValueError("only one command can stand here") }
    return command
  }

  /// The name of a user or a group, or a number.
  func account() throws(ValueError) -> String {
    let name = try string()
    return try Self.account(name, at: 0)
  }

  func accounts() throws(ValueError) -> [String] {
    var accounts: [String] = []
    for word in try words(.full) { accounts.append(try Self.account(try string(word), at: word.offset)) }
    return accounts
  }

  private static func account(_ name: String, at offset: Int) throws(ValueError) -> String {
    let isNumber = name.utf8.first?.isDigit == true
    let isPlausible =
      isNumber
      ? UInt32(name).map { $0 != .max && $0 != 65535 } == true
      : !name.isEmpty && name.utf8.count <= 256 && name.utf8.first != UInt8(ascii: "-")
        && !name.utf8.contains { $0.isControl || $0.isSpace || $0 == UInt8(ascii: ":") || $0 == UInt8(ascii: "/") }
    guard isPlausible else {
      throw ValueError("'\(name)' can't be the name or the number of a user or a group", at: offset)
    }
    return name
  }
}
