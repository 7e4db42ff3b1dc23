/// What `%` and a letter stand for: systemd.unit(5), "Specifiers". These are of the machine and of whoever runs the manager;
/// those of a unit's name are added by the reader.
public struct Specifiers: Equatable, Sendable {
  /// By letter. One that isn't there can't be resolved here, and a unit that uses it is told so.
  public private(set) var values: [Character: String]

  /// Of what a letter is the specifier, for messages and the manual; in the manual's order.
  public static let meanings: [(letter: Character, meaning: String)] = [
    ("a", "architecture"), ("A", "IMAGE_VERSION= of os-release"), ("b", "boot ID"), ("B", "BUILD_ID= of os-release"),
    ("C", "cache directory root"), ("d", "credentials directory"), ("E", "configuration directory root"),
    ("f", "instance, or prefix, unescaped as a path"), ("g", "group of the manager"), ("G", "its number"),
    ("h", "home directory of the manager's user"), ("H", "host name"), ("i", "instance"), ("I", "instance, unescaped"),
    ("j", "last part of the prefix"), ("J", "last part of the prefix, unescaped"), ("l", "short host name"),
    ("L", "log directory root"), ("m", "machine ID"), ("M", "IMAGE_ID= of os-release"), ("n", "name of the unit"),
    ("N", "name of the unit without its suffix"), ("o", "ID= of os-release"), ("p", "prefix"),
    ("P", "prefix, unescaped"),
    ("q", "pretty host name"), ("s", "shell of the manager's user"), ("S", "state directory root"),
    ("t", "runtime directory root"), ("T", "directory for temporary files"), ("u", "the manager's user"),
    ("U", "its number"), ("v", "kernel release"), ("V", "directory for larger temporary files"),
    ("w", "VERSION_ID= of os-release"), ("W", "VARIANT_ID= of os-release"), ("y", "path of the unit file"),
    ("Y", "directory of the unit file"),
  ]

  /// Of a system manager, as far as they are the same everywhere. The caller adds what it knows of the machine.
  public static let system = Specifiers([
    "C": "/var/cache", "E": "/etc", "g": "root", "G": "0", "h": "/root", "L": "/var/log", "s": "/bin/sh",
    "S": "/var/lib", "t": "/run", "T": "/tmp", "u": "root", "U": "0", "V": "/var/tmp",
  ])

  public init(_ values: [Character: String]) {
    self.values = values
  }

  public subscript(_ letter: Character) -> String? {
    get { values[letter] }
    set { values[letter] = newValue }
  }

  /// With those of one unit: its name and its file.
  func of(_ name: UnitName, file path: String) -> Specifiers {
    var own = self
    own["n"] = name.description
    own["N"] = name.stem
    own["p"] = name.prefix
    own["P"] = UnitName.unescape(name.prefix)
    own["i"] = name.instance ?? ""
    own["I"] = UnitName.unescape(name.instance ?? "")
    let last = name.prefix.utf8.lastIndex(of: UInt8(ascii: "-"))
    let final = last.map { String(name.prefix[name.prefix.utf8.index(after: $0)...]) } ?? name.prefix
    own["j"] = final
    own["J"] = UnitName.unescape(final)
    if let instance = name.instance, !instance.isEmpty {
      own["f"] = UnitName.unescape(path: instance)
    } else {
      own["f"] = UnitName.unescape(path: name.prefix)
    }
    own["y"] = path
    let slash = path.utf8.lastIndex(of: UInt8(ascii: "/"))
    own["Y"] = slash.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
    return own
  }

  /// A text with all of them replaced. Placeholders for descriptors are left as they are, if they may be there.
  func expand(_ text: String, allowsPlaceholders: Bool = false) throws(ValueError) -> [Template.Part] {
    guard text.utf8.contains(UInt8(ascii: "%")) else { return text.isEmpty ? [] : [.literal(text)] }
    var parts: [Template.Part] = []
    var literal = ""
    var rest = text.unicodeScalars[...]
    func offset() -> Int { text.utf8.distance(from: text.startIndex, to: rest.startIndex) }
    while let scalar = rest.first {
      guard scalar == "%" else {
        literal.unicodeScalars.append(scalar)
        rest.removeFirst()
        continue
      }
      let start = offset()
      rest.removeFirst()
      guard let letter = rest.first else {
        throw ValueError("'%' at the end means nothing (a literal percent sign is written %%)", at: start)
      }
      if letter == "{", allowsPlaceholders {
        guard let end = rest.firstIndex(of: "}") else {
          throw ValueError("'%{' has no closing brace (a literal percent sign is written %%)", at: start)
        }
        let inside = String(rest[rest.index(after: rest.startIndex)..<end])
        guard let placeholder = Placeholder(inside) else {
          throw ValueError(
            "'%{\(inside)}' is none of %{fd:NAME}, %{fd}, %{fds} and %{fds:TEXT} (a literal percent sign is written %%)",
            at: start)
        }
        if !literal.isEmpty { parts.append(.literal(literal)) }
        literal = ""
        parts.append(.placeholder(placeholder))
        rest = rest[rest.index(after: end)...]
        continue
      }
      rest.removeFirst()
      if letter == "%" {
        literal += "%"
      } else if let value = values[Character(letter)] {
        literal += value
      } else {
        throw unknown(letter, at: start)
      }
    }
    if !literal.isEmpty { parts.append(.literal(literal)) }
    return parts
  }

  private func unknown(_ letter: Unicode.Scalar, at offset: Int) -> ValueError {
    if let known = Self.meanings.first(where: { $0.letter == Character(letter) }) {
      return ValueError("'%\(letter)' (\(known.meaning)) is not known here", at: offset)
    }
    return ValueError("'%\(letter)' is not a specifier (a literal percent sign is written %%)", at: offset)
  }
}
