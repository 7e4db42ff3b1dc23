/// The errors of org.varlink.service, which every service has.
public enum StandardError: Error, Equatable, Sendable {
  case interfaceNotFound(String)
  case methodNotFound(String)
  case methodNotImplemented(String)
  case invalidParameter(String)
  case permissionDenied
  /// The method answers by several replies only, and one was asked for.
  case expectedMore

  /// The full name.
  public var name: String { ServiceInterface.name + "." + shortName }

  private var shortName: String {
    switch self {
    case .interfaceNotFound: "InterfaceNotFound"
    case .methodNotFound: "MethodNotFound"
    case .methodNotImplemented: "MethodNotImplemented"
    case .invalidParameter: "InvalidParameter"
    case .permissionDenied: "PermissionDenied"
    case .expectedMore: "ExpectedMore"
    }
  }

  public var parameters: [String: String] {
    switch self {
    case .interfaceNotFound(let name): ["interface": name]
    case .methodNotFound(let name), .methodNotImplemented(let name): ["method": name]
    case .invalidParameter(let name): ["parameter": name]
    case .permissionDenied, .expectedMore: [:]
    }
  }
}
