import Foundation
import Testing

extension SharedDataTests.MatrixTests {
  @Test(.installed(.mongo), arguments: MatrixServer.mongo.cases)
  func mongo(_ row: MatrixCase) throws { try row.check() }
}

extension MatrixServer {
  /// mongod itself isn't among Debian's packages. This one speaks MongoDB's wire protocol and keeps its documents in SQLite; it
  /// is an asyncio server. pymongo wakes it.
  static let mongo = MatrixServer(
    name: "nx-27017 (MongoDB's protocol)", needs: [.file(server, of: "nx-27017")],
    versionCommand: [interpreter, "-c", "import importlib.metadata as m; print(m.version('nx-27017'))"],
    secondsPerStop: 5
  ) { place in
    let data = try data.get().directory
    return Setup(command: command(place.endpoint, data)) { _ in
      .mongo("torpor.words", string: "hello")
    } visitor: { endpoint in
      [
        interpreter, "-c",
        """
        import pymongo, sys
        client = pymongo.MongoClient("\(endpoint.host)", \(endpoint.port), serverSelectionTimeoutMS=10000)
        words = client.torpor.words
        identity = words.insert_one({"text": "from pymongo"}).inserted_id
        assert words.find_one({"_id": identity})["text"] == "from pymongo"
        assert words.delete_one({"_id": identity}).deleted_count == 1
        client.close()
        """,
      ]
    }
  }

  private static let interpreter = Machine.serversDirectory + "/python/bin/python3"
  private static let server = Machine.serversDirectory + "/python/bin/nx-27017"

  private static func command(_ endpoint: Endpoint, _ data: TemporaryDirectory) -> [String] {
    [
      server, "--host", endpoint.host, "--port", "\(endpoint.port)", "--db", data.path("words.db"), "--log-file",
      data.path("log"), "--pid-file", data.path("pid"),
    ]
  }

  private static let data = Result {
    try Fixture { directory in
      let endpoint = Endpoint.v4(try freePort())
      let process = try ChildProcess(command(endpoint, directory))
      defer { process.endWithDescendants() }
      try Tool.run([
        interpreter, "-c",
        """
        import pymongo
        client = pymongo.MongoClient("\(endpoint.host)", \(endpoint.port), serverSelectionTimeoutMS=20000)
        client.torpor.words.insert_one({"text": "hello"})
        client.close()
        """,
      ])
    }
  }
}
