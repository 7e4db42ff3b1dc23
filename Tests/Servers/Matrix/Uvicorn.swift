import Testing

extension SharedDataTests.MatrixTests {
  @Test(.installed(.uvicorn), arguments: MatrixServer.uvicorn.cases)
  func uvicorn(_ row: MatrixCase) throws { try row.check() }
}

extension MatrixServer {
  static let uvicorn = MatrixServer(
    name: "uvicorn", needs: [.program("uvicorn")], versionCommand: ["uvicorn", "--version"],
    handovers: [.adopt, .listenFDs, .auto], secondsPerStop: 3
  ) { place in
    try place.directory.write(
      """
      async def application(scope, receive, send):
          if scope["type"] != "http":
              return
          await send({"type": "http.response.start", "status": 200, "headers": []})
          await send({"type": "http.response.body", "body": f"you asked for {scope['path']}\\n".encode()})
      """, to: "hello.py")
    // It has to be told, so `auto` is adoption here.
    let bind =
      place.handover == .listenFDs
      ? ["--fd", "3"] : ["--host", place.endpoint.host, "--port", "\(place.endpoint.port)"]
    return Setup(
      command: ["uvicorn", "--app-dir", place.directory.path, "--lifespan", "off"] + bind + ["hello:application"]
    ) { word in .http("/\(word)", body: "you asked for /\(word)\n") }
  }
}
