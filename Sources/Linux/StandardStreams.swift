import Glibc

/// Our stderr, before there is a loop.
public enum StandardStreams {
  public static func writeError(_ text: String) {
    let bytes = Array(text.utf8)
    var start = 0
    while start < bytes.count {
      let count = unsafe bytes.withUnsafeBytes {
        unsafe write(2, $0.baseAddress.map { unsafe $0 + start }, bytes.count - start)
      }
      if count <= 0 { return }
      start += count
    }
  }
}
