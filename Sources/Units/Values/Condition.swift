/// ConditionPathExists= and its like, or AssertPathExists= and its like, of `[Unit]`: systemd.unit(5).
public struct Condition: Equatable, Sendable, CustomStringConvertible {
  public enum Kind: String, Sendable, CaseIterable {
    case pathExists = "PathExists"
    case pathExistsGlob = "PathExistsGlob"
    case pathIsDirectory = "PathIsDirectory"
    case pathIsSymbolicLink = "PathIsSymbolicLink"
    case pathIsMountPoint = "PathIsMountPoint"
    case pathIsReadWrite = "PathIsReadWrite"
    case directoryNotEmpty = "DirectoryNotEmpty"
    case fileNotEmpty = "FileNotEmpty"
    case fileIsExecutable = "FileIsExecutable"
    case user = "User"
    case group = "Group"
    case host = "Host"
    case architecture = "Architecture"
    case virtualization = "Virtualization"
    case kernelCommandLine = "KernelCommandLine"
    case environment = "Environment"
    case firstBoot = "FirstBoot"

    var isPath: Bool {
      switch self {
      case .pathExists, .pathExistsGlob, .pathIsDirectory, .pathIsSymbolicLink, .pathIsMountPoint, .pathIsReadWrite,
        .directoryNotEmpty, .fileNotEmpty, .fileIsExecutable:
        true
      case .user, .group, .host, .architecture, .virtualization, .kernelCommandLine, .environment, .firstBoot: false
      }
    }
  }

  public let kind: Kind
  /// One that isn't met is an error, and not only a reason.
  public let isAssertion: Bool
  /// `|`: of all with this mark, one has to be met.
  public let isTriggering: Bool
  /// `!`: it is met if the rest isn't so.
  public let isNegated: Bool
  public let parameter: String

  public var description: String {
    "\(isAssertion ? "Assert" : "Condition")\(kind.rawValue)=\(isTriggering ? "|" : "")\(isNegated ? "!" : "")\(parameter)"
  }

  init(_ kind: Kind, isAssertion: Bool, _ value: Value) throws(ValueError) {
    self.kind = kind
    self.isAssertion = isAssertion
    var text = try value.string()[...]
    func take(_ mark: Character) -> Bool {
      guard text.first == mark else { return false }
      text = text.dropFirst().drop { $0 == " " || $0 == "\t" }
      return true
    }
    isTriggering = take("|")
    isNegated = take("!")
    guard !text.isEmpty else { throw ValueError("there is nothing to be met") }
    parameter = kind.isPath ? try PathSyntax.plain(String(text)) : String(text)
    if kind == .firstBoot, NumberSyntax.boolean(parameter) == nil {
      throw ValueError("'\(parameter)' is neither yes nor no")
    }
  }
}
