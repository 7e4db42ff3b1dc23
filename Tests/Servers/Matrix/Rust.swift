import Testing

extension SharedDataTests.MatrixTests {
  @Test(.installed(.rust), arguments: MatrixServer.rust.cases)
  func rust(_ row: MatrixCase) throws { try row.check() }
}

extension MatrixServer {
  /// Linked statically: there is no libc to preload anything into. Blocks in accept(), a thread for each connection.
  static let rust = MatrixServer(
    name: "rust, static", needs: [.program("rustc"), .program("gcc")], versionCommand: ["rustc", "--version"]
  ) { place in
    Setup(command: [try binary.get().directory.path("hello"), "\(place.endpoint)"]) { word in
      .text("\(word)\n", reply: "you said \(word)\n")
    }
  }

  private static let binary = Result {
    try Fixture { directory in
      let source = try directory.write(
        """
        use std::io::{BufRead, BufReader, Write};
        use std::net::{TcpListener, TcpStream};

        fn serve(mut stream: TcpStream) -> std::io::Result<()> {
            for line in BufReader::new(stream.try_clone()?).lines() {
                stream.write_all(format!("you said {}\\n", line?).as_bytes())?;
            }
            Ok(())
        }

        fn main() -> std::io::Result<()> {
            let address = std::env::args().nth(1).expect("an address");
            for stream in TcpListener::bind(address)?.incoming() {
                let stream = stream?;
                std::thread::spawn(move || serve(stream));
            }
            Ok(())
        }
        """, to: "hello.rs")
      try Tool.run(["rustc", "-O", "-C", "target-feature=+crt-static", "-o", directory.path("hello"), source])
    }
  }
}
