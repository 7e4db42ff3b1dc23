import Testing

extension SharedDataTests.MatrixTests {
  @Test(.installed(.go), arguments: MatrixServer.go.cases)
  func go(_ row: MatrixCase) throws { try row.check() }
}

extension MatrixServer {
  /// Linked statically; its runtime makes system calls without a libc, from whichever thread.
  static let go = MatrixServer(
    name: "go, static", needs: [.program("go")], versionCommand: ["go", "version"]
  ) { place in
    Setup(command: [try binary.get().directory.path("hello"), "\(place.endpoint)"]) { word in
      .http("/\(word)", body: "you asked for /\(word)\n")
    }
  }

  private static let binary = Result {
    try Fixture { directory in
      let source = try directory.write(
        """
        package main

        import (
        \t"fmt"
        \t"net/http"
        \t"os"
        )

        func main() {
        \thttp.HandleFunc("/", func(response http.ResponseWriter, request *http.Request) {
        \t\tfmt.Fprintf(response, "you asked for %s\\n", request.URL.Path)
        \t})
        \tpanic(http.ListenAndServe(os.Args[1], nil))
        }
        """, to: "hello.go")
      try Tool.run(
        ["go", "build", "-o", directory.path("hello"), source],
        environment: ["CGO_ENABLED": "0", "GOCACHE": directory.path("cache"), "GO111MODULE": "off"])
    }
  }
}
