import Linux
import Varlink

/// Replies of io.torpor.Manager, but for those that are a type of their own: `WakeOutcome`, `RestOutcome`, `ReloadOutcome`.
public enum ControlReply {
  public struct Units: Codable, Sendable { public var units: [UnitStatus] }
  public struct Described: Codable, Sendable {
    public var unit: UnitStatus
    /// nil: its file has a mistake.
    public var settings: UnitSettings?
  }
  public struct Explained: Codable, Sendable { public var explanation: UnitExplanation }
  public struct Held: Codable, Sendable { public var hold: UnitHold }
  public struct Released: Codable, Sendable { public var released: Int }
  public struct Verified: Codable, Sendable { public var verifications: [UnitVerification] }
  public struct Told: Codable, Sendable { public var event: ManagerEvent }

  static func event(_ event: ManagerEvent) -> [UInt8] { Reply.encode(Told(event: event), continues: true) }

  // MARK: errors

  static func failure(_ failure: ControlFailure) -> [UInt8] {
    switch failure {
    case .noSuchUnit(let name): error("NoSuchUnit", ["name": name])
    case .notNow(let reason): error("NotNow", ["reason": reason])
    case .failed(let reason): error("Failed", ["reason": reason])
    }
  }

  static let tooSlow = error("TooSlow", NoFields())

  static func tooManyClients(limit: Int) -> [UInt8] { error("TooManyClients", ["limit": limit]) }

  static func badMessage(_ reason: String) -> [UInt8] { error("BadMessage", ["reason": reason]) }

  private struct NoFields: Encodable {}

  private static func error(_ name: String, _ fields: some Encodable) -> [UInt8] {
    Reply.encodeError("\(ManagerInterface.name).\(name)", fields)
  }
}

extension ControlPeer {
  init(_ peer: UnixSocket.Peer) {
    self.init(pid: peer.pid, user: peer.user, name: ProcessFiles.name(of: peer.pid))
  }
}
