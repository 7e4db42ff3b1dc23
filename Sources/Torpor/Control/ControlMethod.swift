import FoundationEssentials
import Varlink

/// The methods of io.torpor.Manager.
public enum ControlMethod: String, CaseIterable, Sendable {
  case list = "List"
  case describe = "Describe"
  case explain = "Explain"
  case wake = "Wake"
  case rest = "Rest"
  case hold = "Hold"
  case release = "Release"
  case verify = "Verify"
  case reload = "Reload"
  case reloadService = "ReloadService"
  case monitor = "Monitor"

  /// With its interface's name.
  public var fullName: String { "\(ManagerInterface.name).\(rawValue)" }

  var parameters: any CallParameters.Type {
    switch self {
    case .list, .reload, .monitor: NoParameters.self
    case .describe, .explain, .wake, .rest, .reloadService: NameParameters.self
    case .hold: HoldParameters.self
    case .release: ReleaseParameters.self
    case .verify: VerifyParameters.self
    }
  }
}

public struct NameParameters: CallParameters, Encodable {
  public static let names = ["name"]
  public var name: String

  public init(name: String) { self.name = name }
}

public struct HoldParameters: CallParameters, Encodable {
  public static let names = ["name", "seconds", "reason"]
  public var name: String
  public var seconds: Double?
  public var reason: String?

  public init(name: String, seconds: Double?, reason: String?) {
    self.name = name
    self.seconds = seconds
    self.reason = reason
  }
}

public struct ReleaseParameters: CallParameters, Encodable {
  public static let names = ["name", "id"]
  public var name: String
  public var id: Int?

  private enum CodingKeys: CodingKey { case name, id }

  public init(name: String, id: Int?) {
    self.name = name
    self.id = id
  }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    name = try container.decode(String.self, forKey: .name)
    // JSONDecoder refuses 1.5 as an Int, but doesn't say where it stands.
    id = try container.decodeIfPresent(Double.self, forKey: .id).map { number in
      guard let id = Int(exactly: number) else {
        throw DecodingError.dataCorruptedError(forKey: .id, in: container, debugDescription: "no whole number")
      }
      return id
    }
  }
}

public struct VerifyParameters: CallParameters, Encodable {
  public static let names = ["names"]
  /// nil: all units.
  public var names: [String]?

  public init(names: [String]?) { self.names = names }
}
