extension ListenAddress {
  /// An address with or without a name before it: "web=127.0.0.1:8080". systemd's FileDescriptorName=.
  public init(naming text: String) throws(Malformed) {
    // No address but a path can have an equals sign in it, and no name a slash.
    guard let equals = text.firstIndex(of: "="), !text[..<equals].contains("/") else {
      try self.init(text)
      return
    }
    let name = String(text[..<equals])
    guard Self.isSocketName(name) else {
      throw Malformed(text: text, reason: "'\(name)' can't be a name: letters, digits and . _ - are allowed")
    }
    try self.init(String(text[text.index(after: equals)...]))
    self.name = name
  }

  /// Fewer than systemd takes (any printable ASCII but a colon): it stands in LISTEN_FDNAMES and in
  /// placeholders, and none of its characters means anything there.
  static func isSocketName(_ text: String) -> Bool {
    !text.isEmpty && text.utf8.count <= 255
      && text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "._-".contains($0)) }
  }
}
