import Glibc
import Linux

/// Makes the directories that a service has from us, and removes those that go with it.
struct ServiceDirectories {
  private let settings: ExecutionSettings
  private let user: UInt32?
  private let group: UInt32?
  /// Below which something is held while the service sleeps.
  private let heldPaths: [String]

  init(_ options: ServiceOptions) {
    settings = options.execution
    let isRoot = geteuid() == 0
    user = isRoot ? options.account?.user : nil
    group = isRoot ? options.execution.group ?? options.account?.group : nil
    heldPaths = options.paths.map { String(decoding: $0.name, as: UTF8.self) }
  }

  /// Before the first command.
  func make() throws(LaunchFailure) {
    for directory in settings.directories {
      // Its configuration is the administrator's (systemd.exec(5)).
      let isOwned = directory.kind != .configuration
      do throws(Errno) {
        try OwnedDirectory.make(
          directory.name, below: settings.directoryRoots.root(of: directory.kind), mode: directory.mode,
          user: isOwned ? user : nil, group: isOwned ? group : nil)
      } catch {
        throw LaunchFailure(
          "cannot make the directory '\(settings.directoryRoots.path(of: directory))': \(error) (\(Self.status(directory.kind)))"
        )
      }
    }
  }

  /// What goes when the service has ended: its runtime directories, but for those in which a held path is.
  func toRemove(isRestarting: Bool) -> [ServiceDirectory] {
    switch settings.runtimeDirectoryPreserve {
    case .yes: return []
    case .restart where isRestarting: return []
    case .no, .restart: break
    }
    return settings.directories.filter { directory in
      let path = settings.directoryRoots.path(of: directory) + "/"
      return directory.kind == .runtime && !heldPaths.contains { $0.hasPrefix(path) }
    }
  }

  /// Empties them as the service's user, who can lead nobody astray by what is in there but themselves; and in a process, as there
  /// is no saying how much it is.
  func removal(of directories: [ServiceDirectory]) -> CommandLine {
    // What is in them, and not they themselves, which that user may not remove.
    CommandLine(
      path: "/bin/sh",
      words: ["-c", #"for d; do [ ! -d "$d" ] || find "$d" -xdev -mindepth 1 -delete; done"#, "sh"]
        + directories.map { settings.directoryRoots.path(of: $0) },
      ignoresFailure: true, expandsVariables: false)
  }

  /// The emptied directories themselves, which their parents' owner alone may remove.
  func finishRemoval(of directories: [ServiceDirectory]) throws(LaunchFailure) {
    for directory in directories {
      do throws(Errno) {
        try OwnedDirectory.removeEmpty(directory.name, below: settings.directoryRoots.root(of: directory.kind))
      } catch {
        if error != .noEntry {
          throw LaunchFailure("cannot remove '\(settings.directoryRoots.path(of: directory))': \(error)")
        }
      }
    }
  }

  private static func status(_ kind: ServiceDirectory.Kind) -> String {
    switch kind {
    case .runtime: "233/RUNTIME_DIRECTORY"
    case .state: "238/STATE_DIRECTORY"
    case .cache: "239/CACHE_DIRECTORY"
    case .logs: "240/LOGS_DIRECTORY"
    case .configuration: "241/CONFIGURATION_DIRECTORY"
    }
  }
}
