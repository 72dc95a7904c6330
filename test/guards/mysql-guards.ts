import type { Guard } from "./guard.ts";

const MYSQL = "packages/millrace/src/sources/mysql";
const BARRIERS = "packages/millrace/src/pipeline/barriers.test.ts";

/** Tables of a MySQL log. */
export const MYSQL_GUARDS: readonly Guard[] = [
  {
    keeps: [1, 7],
    guard: "a shape of MySQL that was asked for is durable before another run would ask again",
    file: "sources/mysql/captured-tables.ts",
    take: "const isOpen = !isAssumed;",
    put: "const isOpen = isAssumed && open.length < 0;",
    shownBy: {
      file: `${MYSQL}/captured-tables.test.ts`,
      name: "is told at once and is loaded, though rows are left out",
    },
  },
  {
    keeps: [1, 7],
    guard: "a shape of MySQL that was asked for is told where every lane hears of it",
    file: "sources/mysql/boundary-places.ts",
    take: "[from, ...ahead.map(logPosition)]",
    put: "[from, ...ahead.slice(ahead.length).map(logPosition)]",
    shownBy: {
      file: `${MYSQL}/captured-tables.test.ts`,
      name: "is told behind all that lanes have passed",
    },
  },
  {
    keeps: [1, "Source transactions"],
    guard: "MySQL's rows that do not fit the shape have the table loaded again",
    file: "sources/mysql/captured-tables.ts",
    take: "return planRow(map, standing.shape, this.#options.values) ?? misfitOf(map, id, standing);",
    put: "return planRow(map, standing.shape, this.#options.values);",
    shownBy: {
      file: `${MYSQL}/captured-tables.my.test.ts`,
      name: "are never decoded by a shape that does not fit",
    },
  },
  {
    keeps: [1],
    guard: "MySQL's rows of before an ALTER are refused where nobody knows their columns",
    file: "sources/mysql/captured-tables.ts",
    take: 'if (past === undefined) throw refusedLog("altered", at.group, id);',
    put: "if (past === undefined) return [];",
    shownBy: {
      file: `${MYSQL}/past-shapes.my.test.ts`,
      name: "is refused where rows have a column that is gone",
    },
  },
  {
    keeps: [1],
    guard:
      "nothing is left out of MySQL's log behind an ALTER of a table whose shape is only assumed",
    file: "sources/mysql/captured-tables.ts",
    take: "if (isDoubtful && isPast && previous !== null)",
    put: "if (isDoubtful && isPast && previous === null)",
    shownBy: {
      file: `${MYSQL}/past-shapes.my.test.ts`,
      name: "leaves nothing out of a table whose ALTER it cannot follow",
    },
  },
  {
    keeps: [7],
    guard: "a replayed letter's table is SYNC though nobody writes to its source",
    file: "pipeline/replay.ts",
    take: "look(table);",
    put: "",
    shownBy: {
      file: "packages/millrace/src/mysql-idle.my.test.ts",
      name: "has a table in SYNC again once its dead letter is replayed",
    },
  },
  {
    keeps: [1, 3],
    guard: "MySQL's statement is not applied twice to a shape that has it",
    file: "sources/mysql/captured-tables.ts",
    take: " || ordinal(index, SLOTS[outcome.kind]) <= at.toldRow",
    put: "",
    shownBy: {
      file: `${MYSQL}/captured-tables.my.test.ts`,
      name: "are told from any place on as they were told without a stop",
    },
  },
  {
    keeps: [1],
    guard: "MySQL's statements in place of rows stop the pipeline",
    file: "sources/mysql/captured-tables.ts",
    take: 'if (kind === "rows" || kind === null) this.#refuse(kind, query, at);',
    put: "",
    shownBy: {
      file: `${MYSQL}/logged-statements.my.test.ts`,
      name: "is refused where it stands for rows of a captured database",
    },
  },
  {
    keeps: [1],
    guard: "MySQL's statements are let pass by what is known of them, and not refused by it",
    file: "sources/mysql/statement-kind.ts",
    take: 'if (!MAINTAINING.has(first)) return "rows";',
    put: 'if (!MAINTAINING.has(first)) return "nothing";',
    shownBy: {
      file: `${MYSQL}/refused-statements.my.test.ts`,
      name: "are refused where they change rows, in whatever words",
    },
  },
  {
    keeps: [1],
    guard: "events of a MySQL log that nobody knows are not passed by",
    file: "sources/mysql/file-events.ts",
    take: "if (!saysNothing(type, flags)) throw",
    put: "if (type < 0 && flags < 0) throw",
    shownBy: { file: `${MYSQL}/event-types.test.ts`, name: "is refused, unless its server says" },
  },
  {
    keeps: [2],
    guard:
      "an update of MySQL's log that writes another key is a key change, also where its rows stay bytes",
    file: "sources/mysql/logged-images.ts",
    take: 'this.isUnusual = op === "u" && this.#isKeyOther(images.buffer, plan.shape.key);',
    put: "this.isUnusual = false;",
    shownBy: {
      file: `${MYSQL}/logged-images.test.ts`,
      name: "is one with values where its key is another one than before",
    },
  },
  {
    keeps: [1],
    guard: "rows of a log stay bytes only where nothing is done to them on the way",
    file: "pipeline/feed.ts",
    take: "else if (this.#takesLogged && !table.keyless)",
    put: "else if (!table.keyless)",
    shownBy: {
      file: "packages/millrace/src/pipeline/feed.test.ts",
      name: "enter with their values where a row has its columns in other places",
    },
  },
  {
    keeps: [7],
    guard: "changes that are a log's bytes strike their keys in windows of loads",
    file: "pipeline/feed.ts",
    take: "if (table.windows.size > 0) table.windows.strike(change.key);",
    put: "",
    shownBy: {
      file: "packages/millrace/src/pipeline/feed.test.ts",
      name: "enter as they are where rows are not changed on the way",
    },
  },
  {
    keeps: [9],
    guard: "rows of MySQL's log that lack columns are not written from their bytes",
    file: "sources/mysql/logged-images.ts",
    take: "((buffer[at] ?? 0) & all) !== all",
    put: "all < 0",
    shownBy: {
      file: `${MYSQL}/logged-images.test.ts`,
      name: "is not what comes of rows that lack columns",
    },
  },
  {
    keeps: [1],
    guard:
      "values of MySQL's log that may outgrow what a sink takes are not written from their bytes",
    file: "sources/mysql/logged-images.ts",
    take: "bytes > layout.mostBytes || ",
    put: "",
    shownBy: {
      file: `${MYSQL}/logged-images.test.ts`,
      name: "is not what comes of rows that lack columns",
    },
  },
  {
    keeps: [1],
    guard: "MySQL's rows that do not fit are loaded, also where a run begins among them",
    file: "sources/mysql/logged-rows.ts",
    take: "(!isTold || place.toldRow >= 0)",
    put: "!isTold",
    shownBy: {
      file: `${MYSQL}/captured-tables.my.test.ts`,
      name: "are asked for where the log begins among rows that do not fit",
    },
  },
  {
    keeps: [1],
    guard: "a fault of our own is no lost connection of a MySQL log, and not tried again for ever",
    file: "sources/mysql/log-errors.ts",
    take: 'if (!(error instanceof ServerError)) return toMillraceError(error, "MR_BUG");',
    put: "if (!(error instanceof ServerError)) return connectionError(error, FATAL_READING_LOG.toString());",
    shownBy: {
      file: `${MYSQL}/log.my.test.ts`,
      name: "ends with a fault of our own, which no other connection mends",
    },
  },
  {
    keeps: [1],
    guard:
      "a foreign key that cascades without the log is not followed silently from its statement on",
    file: "sources/mysql/captured-tables.ts",
    take: 'if (unloggedCascades === "refuse" && statements.cascades(query, found))',
    put: 'if (unloggedCascades !== "refuse" && unloggedCascades !== "accept")',
    shownBy: {
      file: `${MYSQL}/refused-statements.my.test.ts`,
      name: "are refused where they add a foreign key whose deeds nobody will tell",
    },
  },
  {
    keeps: [1, "Barrier"],
    guard: "MariaDB's ALTER that is announced in the log alters nothing before it is done",
    file: "sources/mysql/transaction-assembler.ts",
    take: "if (!this.#group.isUndone) this",
    put: "if (this.#group !== null) this",
    shownBy: {
      file: `${MYSQL}/two-phase-alter.my.test.ts`,
      name: "an ALTER that MariaDB logs where it begins and where it is done",
    },
  },
  {
    keeps: [10],
    guard: "who waits for an answer of a MySQL session that we have cut is told",
    file: "sources/mysql/connection.ts",
    take: "for (const fail of this.#waiting) fail(reason);",
    put: "",
    shownBy: {
      file: `${MYSQL}/cut-session.my.test.ts`,
      name: "tells who waits for an answer of",
    },
  },
  {
    keeps: [10],
    guard: "MySQL's answers are waited for as long as the server works on them, and no longer",
    file: "sources/mysql/connection.ts",
    take: "isAtWork: () => this.isAtWork(),",
    put: "isAtWork: () => Promise.resolve(false),",
    shownBy: {
      file: `${MYSQL}/answer-watch.my.test.ts`,
      name: "is waited for as long as the server works on it",
    },
  },
  {
    keeps: [10],
    guard: "tables that a MySQL log describes are forgotten, whatever their number is",
    file: "sources/mysql/described-tables.ts",
    take: "if (this.size <= mostTables && this.#bytes <= mostBytes) return;",
    put: "if (mostTables > 0) return;",
    shownBy: {
      file: `${MYSQL}/described-tables.test.ts`,
      name: "are forgotten, the oldest first, within",
    },
  },
  {
    keeps: [7, "Chunk rows and changes"],
    guard:
      "MySQL's transactions without GTID are seen by a proof of their own, also where GTIDs are on",
    file: "sources/mysql/seen-place.ts",
    take: "return Visibility.of(GtidSet.parse(executed), await this.#lookAtAnonymous(session));",
    put: "return Visibility.of(GtidSet.parse(executed), session === null ? this.#proven : null);",
    shownBy: {
      file: `${MYSQL}/visibility.my.test.ts`,
      name: "has transactions of both kinds in its log",
    },
  },
  {
    keeps: [1],
    guard:
      "a table that is not found when MySQL's catalogue is asked is gone up to before the look",
    file: "sources/mysql/catalogue-moment.ts",
    take: "{ shape: null, end: before }",
    put: "{ shape: null, end: before.file > 0 ? end : before }",
    shownBy: {
      file: `${MYSQL}/catalogue-moment.my.test.ts`,
      name: "is told of by the log, though it was not there",
    },
  },
  {
    keeps: [3, "Barrier"],
    guard: "a shape that rows are decoded by is durable in its place",
    file: "pipeline/barrier-intents.ts",
    take: "if (isQuiet && rows === undefined && keep !== true) {",
    put: "if (isQuiet && rows === undefined) {",
    shownBy: {
      file: BARRIERS,
      name: "is made durable in its place though the sink sees no difference",
    },
  },
  {
    keeps: [1, "Ghosts"],
    guard: "rows that went without events are looked for",
    file: "pipeline/barriers.ts",
    take: 'if (intent.rows === "moved") this.#restartMoved(table, intent);\n    else if',
    put: "if",
    shownBy: {
      file: BARRIERS,
      name: "have the table loaded again, and those looked for that it has no more",
    },
  },
  {
    keeps: [8],
    guard: "a MySQL log that was begun anew is lost, though its files have the old names",
    file: "sources/mysql/prepare-log.ts",
    take: "if (made === undefined || !isHere || made === found) return;",
    put: "if (made !== null) return;",
    shownBy: {
      file: "packages/millrace/src/mysql-source.my.test.ts",
      name: "takes a log that was begun anew for a loss",
    },
  },
  {
    keeps: [8, "Failover behind us"],
    guard: "a MySQL server that took over has the transactions that the sink was given",
    file: "sources/mysql/log-place.ts",
    take: "if (group.hash === this.#hash && !isOther) continue;",
    put: "if (group.n !== null) continue;",
    shownBy: { file: `${MYSQL}/log-place.test.ts`, name: "is lost where it has" },
  },
  {
    keeps: [8],
    guard: "what nobody can apply of a MySQL log is a loss, which the policy decides about",
    file: "sources/mysql/log-refusals.ts",
    take: 'return new MillraceError("MR_SOURCE_UNREADABLE", `${why}${place}`, {',
    put: 'return new MillraceError("MR_SOURCE_REFUSED", `${why}${place}`, {',
    shownBy: {
      file: "packages/millrace/src/mysql-source.my.test.ts",
      name: "ends where its log has what nobody can apply, and goes on behind it",
    },
  },
  {
    keeps: [1],
    guard: "rows of a MariaDB group are given only once its end is known",
    file: "sources/mysql/group-begin.ts",
    take: "isInDoubt: !isStandalone && !isPrepared,",
    put: "isInDoubt: false,",
    shownBy: {
      file: `${MYSQL}/rolled-back-groups.my.test.ts`,
      name: "are not told, nor what was taken back of others, however large",
    },
  },
  {
    keeps: [1],
    guard: "rows that are taken back to a savepoint leave their numbers to those behind",
    file: "sources/mysql/open-group.ts",
    take: "this.#runs.back(mark.runs);",
    put: "",
    shownBy: {
      file: `${MYSQL}/rolled-back-groups.my.test.ts`,
      name: "are not told, nor what was taken back of others, however large",
    },
  },
  {
    keeps: [7, 8],
    guard: "a commit of XA rows that nobody has read is a loss",
    file: "sources/mysql/xa-groups.ts",
    take: 'if (group === null) throw refusedLog("xaUnknown", this.#place.open);',
    put: 'if (group === null) throw new Error("unread");',
    shownBy: {
      file: `${MYSQL}/xa-groups.my.test.ts`,
      name: "has its rows where it was prepared before the log begins",
    },
  },
  {
    keeps: [3],
    guard: "who begins within an XA COMMIT still knows where its rows are",
    file: "sources/mysql/log-place.ts",
    take: "this.#settles = xid;",
    put: "this.#prepared.delete(xid);",
    shownBy: { file: `${MYSQL}/log-place.test.ts`, name: "remembers prepared transactions until" },
  },
  {
    keeps: [7],
    guard: "no MySQL log begins while XA transactions are prepared that it does not have",
    file: "sources/mysql/prepared-before.ts",
    take: "if (left.length > 0) throw stillPrepared(left);",
    put: "if (left.length > 0) return [];",
    shownBy: {
      file: "packages/millrace/src/mysql-xa.my.test.ts",
      name: "does not begin while one is prepared that the log does not have, and says so before",
    },
  },
  {
    keeps: [7, 8],
    guard: "a MySQL log begins behind the end of XA transactions that it does not have",
    file: "sources/mysql/prepared-before.ts",
    take: "if (unknown.length > 0) return null;",
    put: "",
    shownBy: {
      file: `${MYSQL}/prepared-before.my.test.ts`,
      name: "begins behind the end of an XA transaction whose rows were purged",
    },
  },
  {
    keeps: [7, 8],
    guard: "a MySQL log that begins among XA transactions knows where their rows are",
    file: "sources/mysql/prepared-before.ts",
    take: "return [...older.values(), ...prepared];",
    put: "return prepared;",
    shownBy: {
      file: `${MYSQL}/source.my.test.ts`,
      name: "knows what is prepared still where it begins in the past, or now",
    },
  },
  {
    keeps: ["Position"],
    guard: "rows of a MySQL group have the same numbers at every server",
    file: "sources/mysql/row-runs.ts",
    take: "if (of !== this.#of) {",
    put: "if (of.length > 0) {",
    shownBy: {
      file: `${MYSQL}/row-runs.my.test.ts`,
      name: "have the same places at a replica, however it packs them",
    },
  },
  {
    keeps: [7],
    guard: "a MariaDB snapshot sees no XA COMMIT that the engine has not",
    file: "sources/mysql/visibility.ts",
    take: ' && !xa.except.includes(xid ?? "")',
    put: "",
    shownBy: {
      file: `${MYSQL}/visibility.test.ts`,
      name: "is not seen while it is listed",
    },
  },
  {
    keeps: [7],
    guard: "a place that MariaDB's snapshots have to see all before of waits for XA COMMITs too",
    file: "sources/mysql/seen-place.ts",
    take: "await this.#xa.reach(session, place, until);",
    put: "",
    shownBy: {
      file: `${MYSQL}/committed-xa.test.ts`,
      name: "are all in the engine once the place is reached",
    },
  },
  {
    keeps: [7],
    guard:
      "who is listed and was not prepared where the log goes on may have been committed before",
    file: "sources/mysql/committed-xa.ts",
    take: "if (!this.#prepared.has(xid)) left.add(xid);",
    put: "",
    shownBy: {
      file: `${MYSQL}/committed-xa.test.ts`,
      name: "are all in the engine once the place is reached",
    },
  },
  {
    keeps: [7],
    guard:
      "a replay of MySQL's log ends no sooner than it was told which tables are loaded again, whose load would begin before",
    file: "sources/mysql/run-log.ts",
    take: " && !tables.areUntold;",
    put: ";",
    shownBy: {
      file: `${MYSQL}/open-tables.my.test.ts`,
      name: "tables whose shape was asked for are told of with the first thing that a resting log gives, before a load could begin",
    },
  },
];
