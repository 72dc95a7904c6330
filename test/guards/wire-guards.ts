import type { Guard, TestName } from "./guard.ts";

const ROOM = "packages/millrace/src";
const hung = (name: string): TestName => ({
  file: `${ROOM}/sources/postgres/hung-connections.pg.test.ts`,
  name,
});

/** What bad networks and stopped processes show. */
export const WIRE_GUARDS: readonly Guard[] = [
  {
    keeps: [10],
    guard: "a connection whose answer is owed and not worked on is cut",
    file: "sources/postgres/silence-watch.ts",
    take: "else if (await isLost(connection)) return silentMs;\n    ",
    put: "",
    shownBy: hung("that may not be asked twice fails"),
  },
  {
    keeps: [10],
    guard: "a server that works on the answer is waited for",
    file: "sources/postgres/silence-watch.ts",
    take: 'if (row.busy !== false) return { verdict: "at work" };',
    put: 'if (row.busy !== false) return { verdict: "lost" };',
    shownBy: hung("that takes far longer than the read timeout is waited for"),
  },
  {
    keeps: [10],
    guard: "the connect timeout spans the set-up of the session",
    file: "sources/postgres/connection.ts",
    take: '() => opened.destroy(new Error("timeout expired")),',
    put: "() => undefined,",
    shownBy: hung("fails after the connect timeout where only the first query is never answered"),
  },
  {
    keeps: [10],
    guard: "a reader of ours that still holds the slot is ended",
    file: "sources/postgres/slot.ts",
    take: "earlier.has(state.active_pid)",
    put: "(false as boolean)",
    shownBy: hung(
      "whose connection is black-holed fails, and its slot is had again at once though the server keeps the reader",
    ),
  },
  {
    keeps: [10],
    guard: "a request at the sink that is not answered ends its connection",
    file: "sinks/dsql/sink-connection.ts",
    take: "const late = this.#clock.sleep(timeoutMs, stop.signal).then(\n      () => this.destroy(),",
    put: "const late = this.#clock.sleep(timeoutMs, stop.signal).then(\n      () => {},",
    shownBy: {
      file: `${ROOM}/sinks/dsql/connector.pg.test.ts`,
      name: "counts an answer that does not come as a lost connection",
    },
  },
  {
    keeps: [5, 10],
    guard: "a PostgreSQL sink ends transactions whose client is gone, and with them their locks",
    file: "sinks/dsql/profile.ts",
    take: "serverTimeouts: true",
    put: "serverTimeouts: false",
    shownBy: {
      file: "test/e2e/zombies.e2e.test.ts",
      name: "one whose open transaction holds the lane rows does not keep another from taking over",
    },
  },
  {
    keeps: [11],
    guard: "a broker that goes away in the midst of a login is not told as one that refuses it",
    file: "kafka/fault-from.ts",
    take: "(id === undefined && code === AuthenticationError.code && chain.some(isAuthentication));",
    put: "chain.some(isAuthentication);",
    shownBy: {
      file: `${ROOM}/kafka/fault-from.test.ts`,
      name: "is a lost connection where the broker goes away meanwhile",
    },
  },
  {
    keeps: [11],
    guard: "a table is stopped where any share that brings it has failed",
    file: "pipeline/share-status.ts",
    take: "stopped: table.stopped ?? stopped",
    put: "stopped: table.stopped",
    shownBy: {
      file: `${ROOM}/pipeline/share-status.test.ts`,
      name: "calls a table stopped that a failed share brings",
    },
  },
];
