import Foundation

extension RealServer {
  /// A master and one worker, in the foreground.
  static let nginx = nginx(named: "nginx", "daemon off;\nworker_processes 1;")
  /// One process.
  static let nginxSingle = nginx(named: "nginx without a master", "daemon off;\nmaster_process off;")
  /// Its own default: it forks, and the process that was started ends.
  static let nginxDaemon = nginx(named: "nginx in the background", "worker_processes 1;")

  private static func nginx(named name: String, _ mode: String) -> RealServer {
    RealServer(name: name, program: Machine.find("nginx")) { program, port, directory in
      let folders = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
      let paths = folders.map { "  \($0)_temp_path \(directory.path($0));" }.joined(separator: "\n")
      let configuration = """
        \(mode)
        pid \(directory.path("nginx.pid"));
        error_log stderr warn;
        events { worker_connections 256; }
        http {
          access_log off;
        \(paths)
          server {
            listen 127.0.0.1:\(port);
            location / { return 200 "you asked for $uri\\n"; }
          }
        }
        """
      let file = try directory.write(configuration, to: "nginx.conf")
      return [program, "-c", file, "-p", directory.path, "-e", "stderr"]
    } exchange: { word in
      .http(path: "/\(word)", body: "you asked for /\(word)\n")
    }
  }
}

extension RealServer {
  /// nginx, one process, which closes a connection that has been silent for so long.
  static func keptAlive(seconds: Int) -> RealServer {
    let base = nginxSingle
    return RealServer(name: "nginx, keepalive_timeout \(seconds)", program: base.program) { program, port, directory in
      let command = try base.prepare(program, port, directory)
      let path = directory.path("nginx.conf")
      let text = try String(contentsOfFile: path, encoding: .utf8)
      try directory.write(
        text.replacingOccurrences(of: "access_log off;", with: "access_log off; keepalive_timeout \(seconds)s;"),
        to: "nginx.conf")
      return command
    } exchange: { word in
      base.exchange(word)
    }
  }
}
