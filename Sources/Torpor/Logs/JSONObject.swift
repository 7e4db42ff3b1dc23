/// A JSON object as it is written, member by member. What is nil is left out.
struct JSONObject {
  private var bytes: [UInt8] = [UInt8(ascii: "{")]

  init() { bytes.reserveCapacity(512) }

  /// With a line end.
  var line: [UInt8] { bytes + [UInt8(ascii: "}"), UInt8(ascii: "\n")] }

  mutating func add(_ name: StaticString, _ text: String?) {
    guard let text else { return }
    begin(name)
    append(text)
  }

  /// JSON has no infinity.
  mutating func add(_ name: StaticString, _ number: Double?) {
    guard let number, number.isFinite else { return }
    begin(name)
    bytes += number.description.utf8
  }

  mutating func add(_ name: StaticString, _ number: some FixedWidthInteger) {
    begin(name)
    bytes += number.description.utf8
  }

  mutating func add(_ name: StaticString, _ isTrue: Bool) {
    begin(name)
    bytes += (isTrue ? "true" : "false").utf8
  }

  mutating func add(_ name: StaticString, _ texts: [String]?) {
    guard let texts else { return }
    begin(name)
    list(texts) { $0.append($1) }
  }

  mutating func add(_ name: StaticString, _ numbers: [UInt16]) {
    begin(name)
    list(numbers) { $0.bytes += $1.description.utf8 }
  }

  mutating func add<Element>(
    _ name: StaticString, _ elements: [Element], _ members: (inout JSONObject, Element) -> Void
  ) {
    begin(name)
    list(elements) {
      $0.bytes.append(UInt8(ascii: "{"))
      members(&$0, $1)
      $0.bytes.append(UInt8(ascii: "}"))
    }
  }

  mutating func add(_ name: StaticString, _ members: (inout JSONObject) -> Void) {
    begin(name)
    bytes.append(UInt8(ascii: "{"))
    members(&self)
    bytes.append(UInt8(ascii: "}"))
  }

  private mutating func begin(_ name: StaticString) {
    separate()
    bytes.append(UInt8(ascii: "\""))
    bytes += name.description.utf8
    bytes += [UInt8(ascii: "\""), UInt8(ascii: ":")]
  }

  private mutating func separate() {
    if let last = bytes.last, last != UInt8(ascii: "{"), last != UInt8(ascii: "[") { bytes.append(UInt8(ascii: ",")) }
  }

  private mutating func list<Element>(_ elements: [Element], _ append: (inout JSONObject, Element) -> Void) {
    bytes.append(UInt8(ascii: "["))
    for element in elements {
      separate()
      append(&self, element)
    }
    bytes.append(UInt8(ascii: "]"))
  }

  private mutating func append(_ text: String) {
    bytes.append(UInt8(ascii: "\""))
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"): bytes += [UInt8(ascii: "\\"), byte]
      case ..<0x20: bytes += "\\u00\(byte < 16 ? "0" : "")\(String(byte, radix: 16))".utf8
      default: bytes.append(byte)
      }
    }
    bytes.append(UInt8(ascii: "\""))
  }
}
