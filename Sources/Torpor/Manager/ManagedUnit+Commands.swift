import Units

/// The commands around its sockets, where it has any.
extension ManagedUnit {
  /// ExecStartPre=, the sockets, ExecStartPost=; nobody is served before all of it has gone well.
  func prepareAndHold() {
    do throws(ServiceError) { commands = try SocketCommandRun(definition, host: host) } catch {
      commandsHaveFailed = true
      return tellInvalid(error.description)
    }
    commands?.run(.startPre) { [weak self] in self?.prepared($0) }
  }

  private func prepared(_ outcome: SocketCommandRun.Outcome) {
    guard let commands else { return }
    switch outcome {
    case .done where isRemoved || host.isStopping: cleanUp()
    case .cancelled: cleanUp()
    case .failed(let text):
      // As systemd has it, nothing of what undoes it is run.
      failed(text)
      settle()
      over()
    case .done:
      guard makeService() else {
        settle()
        return close()
      }
      commands.run(.startPost) { [weak self] in self?.held($0) }
    }
  }

  private func held(_ outcome: SocketCommandRun.Outcome) {
    switch outcome {
    case .done where isRemoved || host.isStopping: close()
    case .cancelled: close()
    case .failed(let text):
      failed(text)
      settle()
      close()
    case .done:
      let waiting = commands?.whenSettled ?? []
      commands = nil
      begin()
      for body in waiting { host.later(body) }
      if pendingDefinition != nil, phase == .dormant { host.later { [weak self] in self?.becameDormant() } }
    }
  }

  private func failed(_ text: String) {
    commandsHaveFailed = true
    tellInvalid(text)
  }

  private func settle() {
    for body in commands?.whenSettled ?? [] { host.later(body) }
    commands?.whenSettled = []
  }

  /// ExecStopPre=, the end of the service and its sockets, ExecStopPost=.
  private func close() {
    guard let commands else { return }
    commands.isLeaving = true
    commands.run(.stopPre) { [weak self] _ in
      guard let self else { return }
      if let service { service.stop() } else { cleanUp() }
    }
  }

  /// Its sockets are closed.
  func cleanUp() {
    settle()
    if commands == nil { commands = try? SocketCommandRun(definition, host: host) }
    guard let commands else { return over() }
    commands.isLeaving = true
    commands.run(.stopPost) { [weak self] _ in self?.over() }
  }

  /// Ends its service and lets go of its sockets.
  func stop(isAtOnce: Bool = false) {
    if let commands {
      if isAtOnce {
        commands.kill()
        if commands.isLeaving { service?.stop() }
      } else if !commands.isLeaving {
        commands.cancel()
      }
      return
    }
    guard !isEnding || isAtOnce else { return }
    isEnding = true
    guard definition.hasSocketCommands, service != nil, !isAtOnce else { return service?.stop() ?? () }
    commands = try? SocketCommandRun(definition, host: host)
    if commands == nil { service?.stop() } else { close() }
  }

  /// Whether `body` waits until its sockets are held, or can't be.
  func wait(_ body: @escaping (ManagedUnit) -> Void) -> Bool {
    guard let commands, !commands.isLeaving else { return false }
    commands.whenSettled.append { [weak self] in if let self { body(self) } }
    return true
  }
}

extension Unit {
  /// What has to be so that its sockets are held. Of a service with a process for each connection, what is asked of that, too.
  var holdConditions: [Condition] {
    let ofSockets = sockets.flatMap(\.conditions)
    return socket.accept ? ofSockets + unit.conditions : ofSockets
  }

  var hasSocketCommands: Bool { sockets.contains { $0.commands != nil } }
}
