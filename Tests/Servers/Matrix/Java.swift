import Testing

extension SharedDataTests.MatrixTests {
  @Test(.installed(.java), arguments: MatrixServer.java.cases)
  func java(_ row: MatrixCase) throws { try row.check() }
}

extension MatrixServer {
  /// The HttpServer that comes with it. It binds ::ffff:127.0.0.1.
  static let java = MatrixServer(
    name: "java, HttpServer", needs: [.program("java"), .program("javac")], versionCommand: ["java", "-version"],
    secondsPerStop: 3
  ) { place in
    Setup(
      command: [
        "java", "-cp", try classes.get().directory.path, "Hello", place.endpoint.host, "\(place.endpoint.port)",
      ]
    ) { word in .http("/\(word)", body: "you asked for /\(word)\n") }
  }

  private static let classes = Result {
    try Fixture { directory in
      let source = try directory.write(
        """
        import com.sun.net.httpserver.HttpServer;
        import java.net.InetSocketAddress;

        class Hello {
          public static void main(String[] arguments) throws Exception {
            var address = new InetSocketAddress(arguments[0], Integer.parseInt(arguments[1]));
            var server = HttpServer.create(address, 0);
            server.createContext("/", exchange -> {
              var body = ("you asked for " + exchange.getRequestURI() + "\\n").getBytes();
              exchange.sendResponseHeaders(200, body.length);
              try (var stream = exchange.getResponseBody()) { stream.write(body); }
            });
            server.start();
          }
        }
        """, to: "Hello.java")
      try Tool.run(["javac", "-d", directory.path, source])
    }
  }
}
