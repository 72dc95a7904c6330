import type { Guard } from "./guard.ts";

const ROOM = "packages/millrace/src/sources/dynamodb";
const DISCOVER = `${ROOM}/discover.test.ts`;
const AWS = `${ROOM}/aws-api.test.ts`;
const SHARES = `${ROOM}/shares.test.ts`;
const AGES = `${ROOM}/age-rules.test.ts`;
const LOSSES = `${ROOM}/losses.test.ts`;
const STARTUP = `${ROOM}/startup.test.ts`;

/** Which tables of DynamoDB are read: an error is never read as "gone". */
const DISCOVERY: readonly Guard[] = [
  {
    keeps: [11],
    guard: "a share that is still beginning has its tables when the file is read again",
    file: "reload-check.ts",
    take: "if (beginning.length === 0) return [];",
    put: "if (beginning.length >= 0) return [];",
    shownBy: {
      file: "packages/millrace/src/dynamodb-shares.pg.test.ts",
      name: "while a share is still beginning knows what that has",
    },
  },
  {
    keeps: [11],
    guard: "what stands against one table of DynamoDB is told as of that one",
    file: "check-by-table.ts",
    take: "if (fitting.length === 0) return all;",
    put: "if (fitting.length >= 0) return all;",
    shownBy: {
      file: "packages/millrace/src/dynamodb-source.pg.test.ts",
      name: "a table whose key the sink does not take is told",
    },
  },
  {
    keeps: [11],
    guard: "a table that could not be asked about is not taken for one that is gone",
    file: "sources/dynamodb/discover.ts",
    take: 'if (error.code !== "MR_SOURCE_MISSING") return { table, error };',
    put: "",
    shownBy: {
      file: DISCOVER,
      name: "takes an error about one table for nothing that is known of it",
    },
  },
  {
    keeps: [11],
    guard: "a table whose key is out of reach for a while is not taken for one that is gone",
    file: "sources/dynamodb/discover.ts",
    take: "if (description.status === KEY_IS_AWAY) return { table, error: keyIsAway(table) };",
    put: "",
    shownBy: { file: DISCOVER, name: "takes a table whose key is out of reach" },
  },
  {
    keeps: [1],
    guard: "a stream without new images is not read",
    file: "sources/dynamodb/discover.ts",
    take: "if (wanted.includes(stream.view)) return null;",
    put: "return null;",
    shownBy: { file: DISCOVER, name: "finds who carries both, with a stream that has new images" },
  },
  {
    keeps: [11],
    guard: "an error never lets go of a table",
    file: "sources/dynamodb/found-tables.ts",
    take: "if (unasked.has(name)) return true;",
    put: "",
    shownBy: { file: DISCOVER, name: "are never let go of by an error" },
  },
  {
    keeps: [11],
    guard: "a table that is not found any more is kept for the grace",
    file: "sources/dynamodb/found-tables.ts",
    take: "return nowMs - since < this.#graceMs;",
    put: "return false;",
    shownBy: { file: DISCOVER, name: "are kept while they are away for less than the grace" },
  },
  {
    keeps: [11],
    guard: "a table that came back begins another grace when it is away again",
    file: "sources/dynamodb/found-tables.ts",
    take: "this.#away.delete(name);\n      return true;",
    put: "return true;",
    shownBy: { file: DISCOVER, name: "are away anew where they came back in between" },
  },
  {
    keeps: [1],
    guard: "a search by tags goes on to its last page",
    file: "sources/dynamodb/aws-api.ts",
    take: "} while (token !== null);",
    put: "} while (names.size === 0);",
    shownBy: {
      file: AWS,
      name: "goes on to the last page, and begins again where that took too long",
    },
  },
  {
    keeps: [11],
    guard: "a search whose pages took too long begins again",
    file: "sources/dynamodb/aws-api.ts",
    take: 'if (code !== "PaginationTokenExpiredException" || search === SEARCHES) throw error;',
    put: 'if (code !== "" || search === SEARCHES) throw error;',
    shownBy: {
      file: AWS,
      name: "goes on to the last page, and begins again where that took too long",
    },
  },
  {
    keeps: [11],
    guard: "a look that fails does not end discovery",
    file: "sources/dynamodb/shares.ts",
    take: "this.#become([discoveryFails(error), ...others]);\n      return null;",
    put: "this.#become([discoveryFails(error), ...others]);\n      throw error;",
    shownBy: { file: SHARES, name: "outlive looks that fail" },
  },
];

/** What becomes of a loss. */
const LOSS_POLICIES: readonly Guard[] = [
  {
    keeps: [8],
    guard: "a table that was made anew under its name is another one",
    file: "sources/dynamodb/prepare-log.ts",
    take: 'if (known.tableId !== null && known.tableId !== tableId) return { why: "remade" };',
    put: "",
    shownBy: { file: LOSSES, name: "is of a table that was made anew under its name" },
  },
  {
    keeps: [8],
    guard: "a loss stops the table unless the file says to go on",
    file: "sources/dynamodb/source.ts",
    take: 'if (options.onLoss !== "continue") throw lostLog(table, loss);',
    put: "",
    shownBy: { file: LOSSES, name: "for more than 20 hours has lost something" },
  },
  {
    keeps: [8],
    guard: "what on-loss: continue passed by is said for ever",
    file: "sources/dynamodb/prepare-log.ts",
    take: "gap: { timeMs, why: `${lossText(loss)}, and on-loss is continue` },",
    put: "",
    shownBy: { file: LOSSES, name: "goes on with what there is, and says for ever" },
  },
  {
    keeps: [8],
    guard: "the safe zone's boundary is a loss",
    file: "sources/dynamodb/age-rules.ts",
    take: ">= this.#limitMs(coveredToMs);",
    put: "> this.#limitMs(coveredToMs);",
    shownBy: { file: AGES, name: "may have lost something after 20 hours, the boundary with them" },
  },
  {
    keeps: [8],
    guard: "a table that is being loaded begins anew after 19 hours",
    file: "sources/dynamodb/age-rules.ts",
    take: "return isLoading ? Math.min(restartAfterMs, safeZoneMs) : safeZoneMs;",
    put: "return isLoading ? safeZoneMs : safeZoneMs;",
    shownBy: { file: AGES, name: "begins anew after 19 hours while the table is being loaded" },
  },
  {
    keeps: [8],
    guard: "a log without a scan counts nothing as read that is wanted and that nobody has read",
    file: "sources/dynamodb/prepare-log.ts",
    take: "Math.max(sinceMs, timeMs - PROMISED_MS)",
    put: "Math.max(sinceMs, timeMs - BEGUN_MS)",
    shownBy: {
      file: STARTUP,
      name: "what was wanted and is trimmed before anybody has read it is a loss",
    },
  },
  {
    keeps: [1, "Ghosts"],
    guard:
      "a stream that is begun anew is read from its oldest record on, whatever the first start asked for",
    file: "sources/dynamodb/source.ts",
    take: 'recreate ? ({ mode: "initial" } as const) : this.#parts.options.startup',
    put: "this.#parts.options.startup",
    shownBy: {
      file: STARTUP,
      name: "begins with the oldest record where a loss has it load the table",
    },
  },
  {
    keeps: [1, 8],
    guard: "an INIT_SYNC of no rows covers nothing, and leaves nothing out",
    file: "sources/dynamodb/age-rules.ts",
    take: "sinceMs !== undefined && initSync?.isRepeated === false ? null : initSync",
    put: "initSync",
    shownBy: { file: STARTUP, name: "leaves out nothing because of an INIT_SYNC that has no rows" },
  },
  {
    keeps: [1, "Ghosts"],
    guard: "no delete is left out by its age where an earlier load may have left its row",
    file: "sources/dynamodb/age-rules.ts",
    take: "if (this.#initSync === null || this.#initSync.isRepeated) return",
    put: "if (this.#initSync === null) return",
    shownBy: {
      file: AGES,
      name: "are never left out where an earlier load may have left rows that they delete",
    },
  },
  {
    keeps: [1],
    guard: "records are left out by the service's clock, not by one of ours that is fast",
    file: "sources/dynamodb/age-rules.ts",
    take: "Math.min(initSync?.startMs ?? 0, begunMs)",
    put: "Math.max(initSync?.startMs ?? 0)",
    shownBy: {
      file: AGES,
      name: "are left out by the service's clock where this machine's is fast",
    },
  },
];

/** DynamoDB as a source: DISCOVERY, and what becomes of losses. */
export const DYNAMODB_DISCOVERY_GUARDS: readonly Guard[] = [...DISCOVERY, ...LOSS_POLICIES];
