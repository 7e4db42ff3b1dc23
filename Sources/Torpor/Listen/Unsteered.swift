import Lifecycle

/// Held sockets at which something can get lost when the service is stopped: a person is told at the start.
struct Unsteered: Equatable {
  /// Clients that come while it stops.
  private var listeners: [String] = []
  /// What it reads while it stops.
  private var messages: [String] = []
  private let mayKill: Bool

  /// nil: there are none.
  init?(_ sockets: [any HeldSocket], _ configuration: Lifecycle.Configuration) {
    mayKill = configuration.mayKill
    guard !configuration.restsByKill else { return nil }
    for socket in sockets where socket.kind == .fixed {
      if (socket as? any SignalledSocket)?.hasMessages ?? false {
        messages.append(socket.name)
      } else {
        listeners.append(socket.name)
      }
    }
    if names.isEmpty { return nil }
  }

  var names: [String] { listeners + messages }

  /// "@x can't be steered: a client that comes while it stops may be lost (--may-kill avoids that)".
  var description: String {
    var parts: [String] = []
    if !listeners.isEmpty {
      parts.append(
        "\(listeners.joined(separator: ", ")) can't be steered: a client that comes while it stops may be lost")
    }
    if !messages.isEmpty {
      parts.append(
        "\(messages.joined(separator: ", ")) can't be steered: what the service reads while it stops may be lost")
    }
    let remedy = mayKill ? "--may-kill takes a cgroup, which can't be had here" : "--may-kill avoids that"
    return parts.joined(separator: "; ") + " (\(remedy))"
  }
}
