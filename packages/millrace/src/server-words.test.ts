/**
 * What a server says may quote a row. Every refusal of every kind of server, with marked words, becomes an error of the catalogue
 * whose text, facts, remedy and causes have none of them; but for those whose words speak of the server and its objects, each of
 * which is named here. And every code of the catalogue has its place: it is met by a test that looks for marks, or it never
 * holds more than names and numbers.
 */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { CATALOGUE, type ErrorCode } from "./errors/catalogue.ts";
import { MillraceError } from "./errors/millrace-error.ts";
import { toMillraceError } from "./errors/to-millrace-error.ts";
import type { RegistryOptions } from "./formats/format.ts";
import { SchemaRegistry } from "./formats/schema-registry.ts";
import { classify } from "./sinks/dsql/errors.ts";
import { connectionError as mysqlError } from "./sources/mysql/connection-error.ts";
import { ServerError as MysqlServerError } from "./sources/mysql/server-error.ts";
import { connectionError, sqlStateOf } from "./sources/postgres/connection-error.ts";
import { readingError } from "./sources/postgres/log-errors.ts";
import { ServerError } from "./sources/postgres/server-error.ts";

const MARK = "GEHEIM";
const REGISTRY: RegistryOptions = {
  urls: ["http://registry"],
  auth: null,
  register: true,
  timeoutMs: 1_000,
  subject: "TopicName",
};

/** The error, all that it shows, and what caused it. */
function shown(error: unknown, depth = 0): string {
  if (!(error instanceof Error) || depth > 5) return "";
  const { message } = error;
  if (!(error instanceof MillraceError)) return `${message}\n${shown(error.cause, depth + 1)}`;
  const { remedy, facts } = error;
  return [message, remedy, JSON.stringify(facts), shown(error.cause, depth + 1)].join("\n");
}

/** The codes of the catalogue that an error has, with what caused it. */
function codesOf(error: unknown): ErrorCode[] {
  if (!(error instanceof Error)) return [];
  const own = error instanceof MillraceError ? [error.code] : [];
  return [...own, ...codesOf(error.cause)];
}

/** The classes of SQLSTATEs in PostgreSQL's list, and the states that code of ours looks at. */
const CLASSES =
  "00 01 02 03 08 09 0A 0B 0F 0L 0P 0Z 10 20 21 22 23 24 25 26 27 28 2B 2D 2F 34 38 39 3B 3D 3F 40 42 44 53 54 55 57 58 72 F0 HV P0 XX".split(
    " ",
  );
const STATES = [
  ...CLASSES.flatMap((each) => ["000", "001", "003", "007", "P01"].map((rest) => each + rest)),
  ..."22023 22P02 23502 23503 23505 23514 23P01 25006 25P02 26000 28P01 3D000 40001 40003 40P01 42501 42703 42704 42804 42846 42883 42P01 42P05 42P10 53100 53200 53300 55006 55P03 57014 XX000 XX001".split(
    " ",
  ),
];
/**
 * Classes whose words are of objects, sessions and settings. Not among them: data (20 to 22, 27), constraints (23, 44), what
 * functions, foreign servers and the server itself raise (38, 39, P0, HV, XX), and what nobody knows.
 */
const OF_OBJECTS = new Set(
  "00 01 02 08 0A 25 26 28 2B 34 3B 3D 3F 40 42 53 54 55 57 58 F0".split(" "),
);

/** As pg throws it, with a mark in every field that is no name. */
function postgresError(state: string): Error {
  return Object.assign(new Error(`value ${MARK}`), {
    code: state,
    severity: "ERROR",
    detail: `Key (k)=(${MARK}) already exists.`,
    hint: `Perhaps ${MARK}.`,
    where: `COPY t, line 1: "${MARK}"`,
    internalQuery: `SELECT '${MARK}'`,
    constraint: "t_pkey",
    column: "k",
  });
}

const NAMES = { slotName: "slot", publicationName: "publication" };
const ofSink = (state: string): Error => classify(postgresError(state), { doing: "upsert into t" });
const ofSource = (state: string): Error => connectionError(postgresError(state), "reading a chunk");
const ofSourcesLog = (state: string): Error =>
  readingError(new ServerError("ERROR", state, `value ${MARK}`), NAMES);

/** Numbers of MySQL and MariaDB whose words quote values. */
const QUOTING = [
  1048, 1062, 1105, 1136, 1216, 1264, 1265, 1292, 1364, 1366, 1367, 1406, 1411, 1416, 1452, 1525,
  1557, 1586, 1644, 1690, 1761, 1859, 3140, 3141, 3143, 3144, 3146, 3147, 3150, 3155, 3156, 3157,
  3617, 3819, 3903, 4025, 4078, 4161,
];

/** As the driver throws it, and as the log's reader does. */
function ofMysql(errno: number): readonly Error[] {
  const fromDriver = Object.assign(new Error(`Duplicate entry '${MARK}'`), {
    errno,
    sqlState: "HY000",
    sqlMessage: `Duplicate entry '${MARK}'`,
    sql: `SELECT '${MARK}'`,
  });
  return [fromDriver, new MysqlServerError(errno, "HY000", `entry '${MARK}'`)].map((thrown) =>
    mysqlError(thrown, "reading a chunk"),
  );
}

const REFUSALS = [401, 404, 409, 422, 429, 500];

/** Of a registry that answers in its own words, and of one whose answer cannot be read. */
async function ofRegistry(status: number): Promise<readonly unknown[]> {
  const asked = [
    { answer: { error_code: status, message: "no", body: MARK }, schema: `"${MARK}"` },
    { answer: null, schema: "{}" },
  ];
  return Promise.all(
    asked.map(({ answer, schema }) => {
      const body = answer === null ? `<html>${MARK}` : JSON.stringify(answer);
      const registry = new SchemaRegistry(REGISTRY, () =>
        Promise.resolve(new Response(body, { status })),
      );
      return registry.idOf("t-value", schema).catch((thrown: unknown) => thrown);
    }),
  );
}

/** What the language throws about a value. */
const OF_A_VALUE = [
  () => void JSON.parse(`${MARK} {`),
  () => BigInt(MARK),
  () => decodeURIComponent(`%${MARK}`),
  () => new Intl.DateTimeFormat("de", { timeZone: MARK }),
  () => new Date(MARK).toISOString(),
  () => new URL(MARK),
  () => Buffer.alloc(1).writeUInt8(918_273_645),
  () => structuredClone(() => MARK),
].map((work) => {
  try {
    work();
    return null;
  } catch (error) {
    return error;
  }
});
const ofTheLanguage = (thrown: unknown): Error =>
  toMillraceError(thrown, "MR_SOURCE_LOST_CONNECTION");

describe("the words of a server", () => {
  it.each(STATES)("of a sink's SQLSTATE %s are not repeated", (state) => {
    expect(shown(ofSink(state))).not.toContain(MARK);
  });

  it.each(STATES.filter((state) => !OF_OBJECTS.has(state.slice(0, 2))))(
    "of a source's SQLSTATE %s are not repeated",
    (state) => {
      expect(sqlStateOf(postgresError(state))).toBe(state);
      expect(shown(ofSource(state))).not.toContain(MARK);
      expect(shown(ofSourcesLog(state))).not.toContain(MARK);
    },
  );

  it("of any other state than those that speak of objects hold no DETAIL, no HINT and no CONTEXT", () => {
    for (const state of STATES) {
      const error = Object.assign(postgresError(state), { message: "about the server" });
      expect(shown(connectionError(error, "reading a chunk"))).not.toContain(MARK);
    }
  });

  it("of MySQL and MariaDB are repeated for numbers alone that speak of objects", () => {
    for (const errno of QUOTING)
      for (const error of ofMysql(errno))
        expect([errno, shown(error)]).toEqual([errno, expect.not.stringContaining(MARK)]);
    const all = Array.from({ length: 5_000 }, (_, at) => at + 1);
    const repeated = all.filter((errno) =>
      shown(mysqlError(new MysqlServerError(errno, "HY000", MARK), "x")).includes(MARK),
    );
    expect(repeated.length).toBeLessThan(60);
    expect(repeated.filter((errno) => QUOTING.includes(errno))).toEqual([]);
  });

  it("of a registry are its message, and no schema, header or body", async () => {
    for (const status of REFUSALS)
      for (const error of await ofRegistry(status)) {
        expect(error).toBeInstanceOf(MillraceError);
        expect(shown(error)).not.toContain(MARK);
      }
  });

  it("of the language about a value are not repeated", () => {
    for (const thrown of OF_A_VALUE) {
      expect(thrown).not.toBeNull();
      const text = shown(ofTheLanguage(thrown)).split("\n")[0] ?? "";
      expect(text).not.toMatch(/GEHEIM|918.?273.?645/);
    }
  });
});

/** In all places that throw them their words are made of names, numbers and settings. */
const OF_NAMES_ALONE: readonly ErrorCode[] = [
  "MR_ANSWER_LATE",
  "MR_CONFIG_INVALID",
  "MR_FENCED",
  "MR_KEY_NULL",
  "MR_LISTEN",
  "MR_LOG_ONLY",
  "MR_NOT_FOUND",
  "MR_NOT_RUNNING",
  "MR_RELOAD_REFUSED",
  "MR_ROW_INCOMPLETE",
  "MR_ROW_PUT_OFF",
  "MR_SCHEMA_CHANGE_REFUSED",
  "MR_SINK_LANE_MISSING",
  "MR_SOURCE_IDENTITY",
  "MR_SOURCE_PROTOCOL",
  "MR_SOURCE_RETAINED",
  "MR_SOURCE_SLOT_FOREIGN",
  "MR_SOURCE_TABLE_CHANGED",
  "MR_SOURCE_TABLE_LEFT",
  "MR_STATE_HELD",
  "MR_SOURCE_UNREADABLE",
  "MR_STATE_VERSION",
  "MR_TABLE_PAUSED",
  "MR_TABLE_UNKNOWN",
  "MR_TARGET_OWNED",
  "MR_TOO_MANY_LISTENERS",
  "MR_TRANSFORM_REFUSED",
  "MR_UNAUTHORIZED",
  "MR_UNREACHABLE",
  "MR_USAGE",
  "MR_VALUE_TOO_LARGE",
];

/** They repeat what a broker, a service or a server says of topics, shards, slots and logs: it has no rows at hand there. */
const OF_A_SERVERS_OBJECTS: readonly ErrorCode[] = [
  "MR_SINK_LANE_MOVED",
  "MR_SINK_TOO_SLOW",
  "MR_SOURCE_LOSS",
  "MR_SOURCE_MISSING",
  "MR_SOURCE_PUBLICATION_MISSING",
  "MR_SOURCE_SLOT_BUSY",
  "MR_SOURCE_SLOT_LOST",
  "MR_SOURCE_SLOT_MISSING",
  "MR_SOURCE_THROTTLED",
];

/** Whole programs that meet them with marked rows. */
const PROGRAMS = ["secrets.e2e.test.ts", "secrets-ways.e2e.test.ts"].map((name) =>
  readFileSync(new URL(`../../../test/e2e/${name}`, import.meta.url), "utf8"),
);

describe("a code whose words come from elsewhere", () => {
  it("is met by a test that looks for marks, and every code is judged", async () => {
    const said = [
      ...STATES.flatMap((state) => [ofSink(state), ofSource(state), ofSourcesLog(state)]),
      ...["transaction size limit", "row size"].map((message) =>
        classify(Object.assign(new Error(message), { code: "54000" }), { doing: "x" }),
      ),
      ...QUOTING.flatMap(ofMysql),
      ...(await Promise.all(REFUSALS.map(ofRegistry))).flat(),
      ...OF_A_VALUE.map(ofTheLanguage),
    ].flatMap(codesOf);
    const codes = Object.keys(CATALOGUE) as ErrorCode[];
    const byWord = codes.filter((code) => PROGRAMS.some((text) => text.includes(`"${code}"`)));
    const judged = new Set([...OF_NAMES_ALONE, ...OF_A_SERVERS_OBJECTS, ...said, ...byWord]);
    expect(codes.filter((code) => !judged.has(code))).toEqual([]);
  });
});
