import Linux

/// The library that is preloaded into a service where its calls can't be trapped by seccomp (Sources/shim).
final class Shim {
  private let loop: EventLoop
  private let disposal: Disposal
  /// The service runs as another user than we do.
  private let isForAll: Bool
  /// Where the library is, once that is known.
  private var path: String?
  /// Of the start that is under way.
  private var trap: ShimTrap?

  init(for account: Account?, loop: EventLoop, disposal: Disposal) {
    self.loop = loop
    self.disposal = disposal
    isForAll = account.map { $0.user != Account.effectiveUser } ?? false
  }

  /// Why it can't be had, in words.
  struct Unavailable: Error { let description: String }

  /// What a process needs that is to have it.
  func begin(paths: Bool, notifications: Bool) throws(Unavailable) -> Variables {
    let library = try publish()
    do throws(Errno) {
      let made = try ShimTrap(loop: loop, disposal: disposal)
      trap?.close()
      trap = made
      let flags = (paths ? "p" : "") + (notifications ? "m" : "")
      let name = String(decoding: made.address.name.dropFirst(), as: UTF8.self)
      let words = [Self.hexadecimal(made.token), flags, "\(Account.effectiveUser)", name]
      return Variables(library: library, own: "TORPOR_SHIM=" + words.joined(separator: ":"))
    } catch { throw Unavailable(description: "no socket for it: \(error)") }
  }

  /// Where its calls come to; nil: it was started without.
  func takeTrap() -> ShimTrap? { trap.take() }

  /// The start has failed.
  func cancel() { trap.take()?.close() }

  struct Variables {
    let library: String
    let own: String

    /// After those that are preloaded already: what these put in place of bind() goes on to ours.
    func added(to environment: [String]) -> [String] {
      let name = "LD_PRELOAD="
      let before = environment.last { $0.hasPrefix(name) }.map { String($0.dropFirst(name.count)) } ?? ""
      let others = before.isEmpty || before == library ? [] : [before]
      return environment.filter { !$0.hasPrefix(name) } + [name + (others + [library]).joined(separator: ":"), own]
    }
  }

  /// Throws when it can't be had.
  func check() throws(Unavailable) { _ = try publish() }

  // MARK: the file

  /// The first directory that takes it. It stays there: whoever is started later finds it, and who was started still has it.
  private func publish() throws(Unavailable) -> String {
    // Nobody but us can have changed it; but what cleans up directories may have removed it.
    if let path, ProcessFiles.exists(path) { return path }
    let image = Self.image
    var refusals: [String] = []
    for directory in Self.directories {
      do throws(Errno) {
        let made = try LibraryFile.publish(
          image, named: "bind-\(Self.fingerprint(image)).so", in: directory, isForAll: isForAll)
        path = made
        return made
      } catch { refusals.append("\(directory): \(error)") }
    }
    throw Unavailable(description: "no directory for it: \(refusals.joined(separator: "; "))")
  }

  private static var directories: [String] {
    let user = Account.effectiveUser
    let runtime = user == 0 ? "/run" : Launcher.variable("XDG_RUNTIME_DIR")
    return (runtime.map { ["\($0)/torpor"] } ?? [])
      + ["/tmp", "/var/tmp", "/dev/shm"].map { "\($0)/torpor-\(user)" }
  }

  private static var image: [UInt8] {
    func value(_ digit: UInt8) -> UInt8 { digit - (digit < UInt8(ascii: "a") ? 0x30 : 0x61 - 10) }
    let digits = Array(String(describing: ShimImage.hexadecimal).utf8)
    return stride(from: 0, to: digits.count - 1, by: 2).map { value(digits[$0]) << 4 | value(digits[$0 + 1]) }
  }

  private static func hexadecimal(_ bytes: [UInt8]) -> String {
    bytes.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
  }

  /// FNV-1a: files of different versions have different names.
  private static func fingerprint(_ bytes: [UInt8]) -> String {
    let hash = bytes.reduce(0xcbf2_9ce4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
    return String(hash, radix: 16)
  }
}
