import Testing

extension SharedDataTests {
  /// Real servers, a file each: twenty wakes whose first answers are right, and clients at every moment of many rests, of whom
  /// none is lost. A row for each way in which a server can get its sockets.
  @Suite struct MatrixTests {}
}

extension Trait where Self == ConditionTrait {
  /// Skips a server that isn't here.
  static func installed(_ server: MatrixServer) -> Self {
    .enabled(if: server.missing == nil, Comment(rawValue: server.missing ?? ""))
  }
}

extension MatrixServer {
  /// In the table's order.
  static let all: [MatrixServer] = [
    mariadb, postgres, postgresUnprivileged, redis, memcached, mongo,
    apacheEvent, apachePrefork, phpBehindNginx, phpBehindApache, nginx,
    node, nodeCluster, python, gunicorn, uvicorn, java, rust, go, dnsmasq,
  ]
}
