/// torpor.unit(5), made of the tables that the reader goes by.
public enum ManualPage {
  /// The page's source for man(7).
  public static func render() -> String {
    var page = Roff()
    page.request(".\\\" Made by Units/Manual of the same tables that unit files are read by.")
    page.request(".TH TORPOR.UNIT 5 2026\\-11\\-22 \"torpor 0.1.0\" \"File formats\"")
    page.section("NAME")
    page.request("torpor.unit \\- unit files: which sockets are held, what they start, and when it rests")
    introduction(&page)
    let shared = sharedNames
    keys(of: .socket, except: shared, "What is listened on.", &page)
    keys(of: .service, except: shared, "What is started, how it is known to be ready, and how it is stopped.", &page)
    keys(
      of: .idle, except: [],
      "When the service rests, and how. This section may be in NAME.socket, NAME.service or NAME.torpor.", &page)
    keys(of: .unit, except: [], "What is said of the unit itself.", &page)
    processes(shared, &page)
    values(&page)
    specifiers(&page)
    others(&page)
    example(&page)
    page.section("SEE ALSO")
    page.request(".BR torpor (1),\n.BR systemd.unit (5),\n.BR systemd.socket (5),\n.BR systemd.service (5),")
    page.request(".BR systemd.exec (5),\n.BR systemd.kill (5),\n.BR systemd.syntax (7),\n.BR systemd.time (7)")
    return page.text
  }

  private static func introduction(_ page: inout Roff) {
    page.section("SYNOPSIS")
    page.request(".I NAME\\fR.torpor\n.br\n.I NAME\\fR.socket and \\fINAME\\fR.service")
    page.section("DESCRIPTION")
    page.prose(
      """
      A unit is a pair of systemd's unit files, or both in one file with the suffix .torpor, and one section of its own, [X-Idle]. \
      The same pair runs under systemd, which passes over sections that begin with X-. The syntax is that of systemd.syntax(7), and \
      keys have the names, the values and the meaning that they have in systemd 252.
      """)
    page.paragraph()
    page.prose(
      """
      A key that is known and not implemented is an error, a warning or a note, and what is not known is a warning with what may be \
      meant; nothing is passed over in silence but keys and sections that begin with X-. Every message names file, line and \
      column. An error makes its own unit useless and no other.
      """)
    page.section("FILES")
    page.prose(
      """
      Unit directories are searched in an order, /etc/torpor before /run/torpor, a user's manager $XDG_CONFIG_HOME/torpor. Of files \
      with the same name that in the earliest directory counts. Of NAME.torpor and NAME.socket in one directory NAME.torpor counts.
      """)
    page.item(
      "NAME.socket, NAME.service",
      "The socket starts the service of the same name, or the one that Service= names, which may have several sockets. With Accept=yes it is NAME@.service."
    )
    page.item(
      "NAME@.torpor, NAME@.socket, NAME@.service",
      "Templates. NAME@INSTANCE.torpor, a file or a link to the template, is a unit of it; %i is the instance.")
    page.item(
      "NAME.torpor.d/*.conf, NAME.socket.d/*.conf, NAME.service.d/*.conf",
      """
      Drop-ins: read after the unit, in the order of their file names from all directories, and what they say wins. Also those of the \
      template (NAME@.service.d), of prefixes that end with a dash (foo-.service.d for foo-bar.service), and of all units of a \
      kind (service.d); of the same file name the most special counts.
      """)
    page.item("An empty file, or a link to /dev/null", "The unit is masked: there is none of that name.")
    page.item("A link to another unit", "A second name for it.")
  }

  /// What [Service] and [Socket] have in common: told once.
  private static var sharedNames: Set<String> {
    Set(
      KeyTable.socket.keys.filter { key in
        guard key.status == .implemented, let other = KeyTable.service[key.name] else { return false }
        return other.status == .implemented && other.meaning == key.meaning
      }.map(\.name))
  }

  private static func keys(of table: KeyTable, except shared: Set<String>, _ about: String, _ page: inout Roff) {
    page.section("THE SECTION [\(table.section.uppercased())]")
    page.prose(about)
    for key in table.keys where key.status == .implemented && !shared.contains(key.name) { item(key, &page) }
  }

  private static func item(_ key: Key, _ page: inout Roff) {
    page.request(".TP")
    page.request(".BI \(Roff.escape(key.name))= \" \(Roff.escape(key.type))\"")
    page.prose(key.meaning + (key.defaultText.isEmpty ? "" : " Default: \(key.defaultText)."))
  }

  private static func processes(_ shared: Set<String>, _ page: inout Roff) {
    guard !shared.isEmpty else { return }
    page.section("PROCESSES")
    page.prose("In [Service] for all processes of the service, and in [Socket] for the commands of the socket unit.")
    for key in KeyTable.service.keys where shared.contains(key.name) { item(key, &page) }
  }

  private static func values(_ page: inout Roff) {
    page.section("VALUES")
    page.item(
      "commands",
      "An absolute path, or a program's name, and its arguments; several with a ';' between them. Quotes and C's escapes are as in systemd.service(5). $NAME as a word of its own becomes as many words as the variable has, ${NAME} is put in as it is, and $$ is a dollar sign. In front of the path may stand: '-', a failure doesn't matter; '@', the next word is the process's name; ':', variables are left alone; '+', run with all privileges; '!', run without User= and Group=."
    )
    page.item("time span", "30min, 1h 30s, 90 (seconds), infinity. Units: us, ms, s, min, h, d, w, M, y.")
    page.item("size", "In bytes, or with K, M, G, T, P, E to the base of 1024.")
    page.item("boolean", "yes, true, on, 1, or no, false, off, 0.")
    page.item("signal", "SIGTERM, TERM, 15, RTMIN+3.")
    page.item("exit codes and signals", "Numbers from 0 to 255, names such as TEMPFAIL, and signals.")
    page.item("An empty value", "Takes back what was assigned before; a key of one value has its default again.")
  }

  private static func specifiers(_ page: inout Roff) {
    page.section("SPECIFIERS")
    page.prose("In texts, paths, names and the words of commands these stand for:")
    for (letter, meaning) in Specifiers.meanings {
      page.request(".TP 8")
      page.request(".B %\(letter)")
      page.prose(meaning)
    }
    page.request(".TP 8\n.B %%")
    page.prose("a percent sign")
    page.paragraph()
    page.prose(
      """
      One that isn't known is an error. In ExecStart= and the other commands, and in Environment=, %{fd:NAME}, %{fd}, %{fds} and \
      %{fds:TEXT} stand for numbers of descriptors, as torpor(1) tells under PLACEHOLDERS; NAME is what FileDescriptorName= says.
      """)
  }

  private static func example(_ page: inout Roff) {
    page.section("EXAMPLE")
    page.prose("/etc/torpor/redis.torpor:")
    page.example(
      """
      [Socket]
      ListenStream=127.0.0.1:6379

      [Service]
      Type=notify
      ExecStart=/usr/bin/redis-server --port 6379 --supervised systemd
      User=redis
      StateDirectory=redis
      WorkingDirectory=/var/lib/redis

      [X-Idle]
      TimeoutSec=30min
      VerifyCheck=/usr/bin/redis-cli ping
      """)
  }
}
