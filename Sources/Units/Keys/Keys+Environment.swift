extension Keys {
  static func environment(_ section: String, _ path: ProcessPath) -> [Key] {
    [
      .implemented(
        section, "Environment", "assignments",
        "Variables, NAME=VALUE, in quotes where a space is in one. Placeholders may be in values."
      ) { fragment, value throws(ValueError) in
        var reader = WordReader(value.text)
        while let word = try reader.next() {
          let assignment = try EnvironmentSyntax.assignment(word, specifiers: value.specifiers)
          fragment[keyPath: path].environment.append(assignment)
        }
        for escape in reader.unknownEscapes {
          value.warnings.append(
            ValueError(
              "this escape sequence is not known and stands as it is; systemd leaves out the line (a backslash is written \\\\)",
              at: escape))
        }
      },
      .implemented(
        section, "EnvironmentFile", "path",
        "A file of variables, or a pattern of such; it is read at each start. With '-' in front it may be missing."
      ) { fragment, value throws(ValueError) in
        let isOptional = value.text.utf8.first == UInt8(ascii: "-")
        let text = try value.string()
        let file = try PathSyntax.plain(isOptional ? String(text.dropFirst()) : text)
        fragment[keyPath: path].environmentFiles.append(.init(path: file, isOptional: isOptional))
      },
      .implemented(
        section, "PassEnvironment", "names",
        "Variables of the manager that are handed on. A user's manager hands on all of its own."
      ) { fragment, value throws(ValueError) in
        for word in try value.words(.full) {
          let name = try value.string(word)
          guard EnvironmentSyntax.isName(name) else {
            throw ValueError("'\(name)' can't be the name of a variable", at: word.offset)
          }
          fragment[keyPath: path].passEnvironment.append(name)
        }
      },
      .implemented(
        section, "UnsetEnvironment", "names or assignments",
        "Variables that are left out in the end; NAME=VALUE: only with that value."
      ) { fragment, value throws(ValueError) in
        for word in try value.words(.full) {
          let text = try value.string(word)
          let name =
            text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).first.map(String.init) ?? ""
          guard EnvironmentSyntax.isName(name) else {
            throw ValueError("'\(name)' can't be the name of a variable", at: word.offset)
          }
          fragment[keyPath: path].unsetEnvironment.append(text)
        }
      },
    ]
  }

  static func directories(_ section: String, _ path: ProcessPath) -> [Key] {
    let kinds: [(String, String, any WritableKeyPath<ProcessSettings, ProcessSettings.ManagedDirectories> & Sendable)] =
      [
        ("RuntimeDirectory", "/run", \.runtimeDirectory), ("StateDirectory", "/var/lib", \.stateDirectory),
        ("CacheDirectory", "/var/cache", \.cacheDirectory), ("LogsDirectory", "/var/log", \.logsDirectory),
        ("ConfigurationDirectory", "/etc", \.configurationDirectory),
      ]
    var keys: [Key] = []
    for (name, root, kind) in kinds {
      keys.append(
        .implemented(
          section, name, "relative paths",
          """
          Directories below \(root) (a user's manager: %\(letter(name))) that are made before a start and belong to User=.
          """
        ) { fragment, value throws(ValueError) in
          for word in try value.words(.full) {
            let directory = try directory(value, word)
            for link in directory.links {
              value.warnings.append(
                ValueError("no symbolic link '\(link)' to '\(directory.path)' is made", at: word.offset))
            }
            fragment[keyPath: path][keyPath: kind].directories.append(directory)
          }
        })
      keys.append(
        .implemented(section, name + "Mode", "mode", default: "0755", "The mode of these directories.") {
          fragment, value throws(ValueError) in
          fragment[keyPath: path][keyPath: kind].mode = try value.mode()
        })
    }
    keys.append(
      .implemented(
        section, "RuntimeDirectoryPreserve", "no, yes, restart", default: "no",
        "Whether RuntimeDirectory= stays when the service has ended; restart: only if it is started again at once. Torpor's rest is an end."
      ) { fragment, value throws(ValueError) in
        if let flag = NumberSyntax.boolean(value.text) {
          fragment[keyPath: path].runtimeDirectoryPreserve = flag ? .yes : .no
        } else {
          fragment[keyPath: path].runtimeDirectoryPreserve = try value.word()
        }
      })
    return keys
  }

  private static func letter(_ name: String) -> String {
    switch name {
    case "RuntimeDirectory": "t"
    case "StateDirectory": "S"
    case "CacheDirectory": "C"
    case "LogsDirectory": "L"
    default: "E"
    }
  }

  private static func directory(
    _ value: Value, _ word: WordReader.Word
  ) throws(ValueError) -> ProcessSettings.ManagedDirectories.Directory {
    let text = try value.string(word)
    let parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
    var paths: [String] = []
    for part in parts {
      do throws(ValueError) { paths.append(try PathSyntax.relative(part)) } catch {
        throw error.moved(by: word.offset)
      }
    }
    return .init(path: paths[0], links: Array(paths.dropFirst()))
  }
}
