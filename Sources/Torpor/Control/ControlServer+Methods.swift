import FoundationEssentials
import Varlink

extension ControlServer {
  /// Answers a call, now or later.
  func answer(_ call: ControlCall) {
    do throws(StandardError) {
      guard !call.call.upgrade else { throw .invalidParameter("upgrade") }
      guard let interface = call.call.interface else { throw .invalidParameter("method") }
      switch String(interface) {
      case ServiceInterface.name: try answerService(call)
      case ManagerInterface.name: try answerManager(call)
      default: throw .interfaceNotFound(String(interface))
      }
    } catch { call.fail(error) }
  }

  private func shortName(_ call: ControlCall) -> String {
    call.call.method.split(separator: ".").last.map(String.init) ?? ""
  }

  private func answerService(_ call: ControlCall) throws(StandardError) {
    switch shortName(call) {
    case "GetInfo":
      _ = try call.call.parameters(as: NoParameters.self)
      call.reply(
        ServiceInterface.Info(
          vendor: "Torpor", product: "torpord", version: TorporVersion.current, url: "",
          interfaces: [ServiceInterface.name, ManagerInterface.name]))
    case "GetInterfaceDescription":
      let interface = try call.call.parameters(as: ServiceInterface.DescriptionParameters.self).interface
      switch interface {
      case ServiceInterface.name:
        call.reply(ServiceInterface.Description(description: ServiceInterface.description))
      case ManagerInterface.name:
        call.reply(ServiceInterface.Description(description: ManagerInterface.description))
      default: throw .interfaceNotFound(interface)
      }
    default: throw .methodNotFound(call.call.method)
    }
  }

  private func answerManager(_ call: ControlCall) throws(StandardError) {
    guard let method = ControlMethod(rawValue: shortName(call)) else { throw .methodNotFound(call.call.method) }
    guard let manager else { return call.fail(.failed("the manager is stopping")) }
    switch method {
    case .list:
      _ = try call.call.parameters(as: NoParameters.self)
      try list(call, manager)
    case .describe:
      let name = try call.call.parameters(as: NameParameters.self).name
      guard let unit = manager.status(of: name) else { return call.fail(.noSuchUnit(name)) }
      call.reply(ControlReply.Described(unit: unit, settings: manager.settings(of: name)))
    case .explain:
      let name = try call.call.parameters(as: NameParameters.self).name
      explain(name, call, manager)
    case .wake:
      manager.wake(try call.call.parameters(as: NameParameters.self).name) { call.finish($0) }
    case .rest:
      manager.rest(try call.call.parameters(as: NameParameters.self).name) { call.finish($0) }
    case .hold: try hold(call, manager)
    case .release: try release(call, manager)
    case .verify: try verify(call, manager)
    case .reload:
      _ = try call.call.parameters(as: NoParameters.self)
      manager.reload { call.finish($0) }
    case .reloadService:
      manager.reloadService(try call.call.parameters(as: NameParameters.self).name) { call.finish($0) }
    case .monitor:
      _ = try call.call.parameters(as: NoParameters.self)
      guard call.takesMore else { throw .expectedMore }
      call.becomeEndless()
      call.send(ControlReply.event(ManagerEvent(time: Date().timeIntervalSince1970, event: "subscribed")))
    }
  }

  private func explain(_ name: String, _ call: ControlCall, _ manager: any ManagerControl) {
    if let explanation = manager.explanation(of: name) {
      call.reply(ControlReply.Explained(explanation: explanation))
    } else if let unit = manager.status(of: name) {
      // Its file has a mistake, which explains everything.
      let explanation = UnitExplanation(
        name: unit.name, state: unit.state, since: unit.since, lastFailure: unit.lastFailure, advice: unit.warnings)
      call.reply(ControlReply.Explained(explanation: explanation))
    } else {
      call.fail(.noSuchUnit(name))
    }
  }

  // MARK: those that are longer

  /// Units in a reply of many: encoding them takes about a millisecond.
  static let unitsPerReply = 32
  /// Units in the reply of somebody who takes only one.
  static let unitsInOneReplyMax = 128

  private func list(_ call: ControlCall, _ manager: any ManagerControl) throws(StandardError) {
    var names = manager.unitNames[...]
    guard call.takesMore else {
      if names.count > Self.unitsInOneReplyMax { throw .expectedMore }
      return call.reply(ControlReply.Units(units: names.compactMap { manager.status(of: $0) }))
    }
    call.produce { [weak call, weak manager] in
      guard let call, let manager else { return }
      // Units may go between two replies.
      let units = names.prefix(Self.unitsPerReply).compactMap { manager.status(of: $0) }
      names = names.dropFirst(Self.unitsPerReply)
      if names.isEmpty {
        call.reply(ControlReply.Units(units: units))
      } else {
        call.replyAndGoOn(ControlReply.Units(units: units))
      }
    }
  }

  private func hold(_ call: ControlCall, _ manager: any ManagerControl) throws(StandardError) {
    let parameters = try call.call.parameters(as: HoldParameters.self)
    if let seconds = parameters.seconds {
      // Ten years are as good as for ever, which a connection is for.
      guard seconds > 0, seconds <= 10 * 365 * 86400 else { throw .invalidParameter("seconds") }
    }
    if let reason = parameters.reason, reason.utf8.count > 1000 { throw .invalidParameter("reason") }
    guard let peer = call.peer else { return }
    do throws(ControlFailure) {
      let hold = try manager.hold(
        parameters.name, seconds: parameters.seconds, reason: parameters.reason, by: peer)
      if parameters.seconds == nil { call.keep(hold, of: parameters.name) }
      call.reply(ControlReply.Held(hold: hold))
    } catch { call.fail(error) }
  }

  private func release(_ call: ControlCall, _ manager: any ManagerControl) throws(StandardError) {
    let parameters = try call.call.parameters(as: ReleaseParameters.self)
    do throws(ControlFailure) {
      call.reply(ControlReply.Released(released: try manager.release(parameters.name, id: parameters.id)))
    } catch { call.fail(error) }
  }

  private func verify(_ call: ControlCall, _ manager: any ManagerControl) throws(StandardError) {
    let names = try call.call.parameters(as: VerifyParameters.self).names
    // Told before anything is started for the others.
    if let unknown = names?.first(where: { manager.status(of: $0) == nil }) { return call.fail(.noSuchUnit(unknown)) }
    VerificationRun(names ?? manager.unitNames, for: call, manager).goOn()
  }
}
