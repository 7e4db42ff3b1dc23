import Glibc

/// Our own environment.
public enum Environment {
  /// "NAME=value", as it was when we were started.
  public static var all: [String] {
    guard let text = ProcessFiles.contents(of: "/proc/self/environ") else { return [] }
    return text.split(separator: "\0").map(String.init)
  }

  /// nil: it isn't set.
  public static func variable(_ name: String) -> String? {
    unsafe getenv(name).map { unsafe String(cString: $0) }
  }
}
