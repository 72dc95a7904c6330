import { describe, expect, it } from "vitest";
import type { LogicalType } from "../../model/logical-type.ts";
import type { TableId, TargetTable } from "../../model/table.ts";
import { tableId } from "../../model/table.ts";
import type { ObservedSink } from "./observed-sink.ts";
import { DSQL, POSTGRES } from "./profile.ts";
import type { SinkRequest } from "./sink-request.ts";
import { BIGINT, TEXT, shapeOf } from "./sink-servers.fixture.ts";
import { mapTargetTable } from "./table-mapping.ts";
import { sinkFindings } from "./validate.ts";

const EMPTY: ObservedSink = {
  server: {
    version: 16,
    isDsql: true,
    readOnly: false,
    role: "admin",
    database: "postgres",
    mayCreateSchemas: true,
  },
  schemas: new Map([["public", { mayUse: true, mayCreate: true }]]),
  tables: new Map(),
  targets: new Map(),
  owners: [],
  held: new Map(),
  stateVersion: null,
};

function targetOf(
  name: string,
  columns: Readonly<Record<string, LogicalType>>,
  schema = "public",
  keyWidth = 1,
): TargetTable {
  const shape = shapeOf(name, columns, keyWidth, schema);
  return mapTargetTable(shape, shape, { profile: DSQL, unconstrainedNumeric: "numeric" });
}

const REQUEST: SinkRequest = {
  profile: DSQL,
  pipeline: "shop",
  targets: [targetOf("t", { id: BIGINT, v: TEXT })],
  stateSchema: "millrace",
  create: "if-missing",
  shared: false,
  evolve: true,
  fullLoad: true,
  isLogOnly: false,
  orderNotice: () => null,
};

const found = (observed: Partial<ObservedSink>, request: Partial<SinkRequest> = {}): string[] =>
  sinkFindings({ ...EMPTY, ...observed }, { ...REQUEST, ...request }).map(
    ({ severity, what }) => `${severity}: ${what}`,
  );
const tables = (count: number): ObservedSink["tables"] =>
  new Map(
    Array.from({ length: count }, (_, i): [TableId, { lacks: []; isOwner: boolean }] => [
      tableId("public", `other${i}`),
      { lacks: [], isOwner: true },
    ]),
  );

describe("what is said of a sink before the start", () => {
  it("is nothing where all is well", () => {
    expect(found({})).toEqual([]);
  });

  it("is in one line that targets hold rows already", () => {
    const targets = Array.from({ length: 12 }, (_, i) =>
      targetOf(`t${i}`, { id: BIGINT, v: TEXT }),
    );
    const held = new Map(targets.map(({ id }, i) => [id, i === 0 ? 1 : 3_600]));
    expect(found({ held }, { targets: targets.slice(0, 2) })).toEqual([
      "notice: Rows that this pipeline has not loaded are there already: public.t0 (1 row), public.t1 (3,600 rows).",
    ]);
    expect(found({ held }, { targets })).toEqual([
      expect.stringMatching(/public\.t9 \(3,600 rows\), 2 more\.$/),
    ]);
  });

  it("is which kind of server it is, and whether it takes writes", () => {
    const { server } = EMPTY;
    expect(found({}, { profile: POSTGRES })).toEqual([
      "error: The server is Aurora DSQL, but the sink is type: postgres.",
    ]);
    expect(found({ server: { ...server, isDsql: false } })).toEqual([
      "warning: The server is no Aurora DSQL, but PostgreSQL 16.",
    ]);
    const old = { ...server, isDsql: false, version: 12, readOnly: true };
    expect(found({ server: old }, { profile: POSTGRES })).toEqual([
      "error: The server is PostgreSQL 12.",
      "error: The server takes no writes: it is a standby, or its transactions are read-only.",
    ]);
  });

  it("is that there would be more schemas and tables than the sink takes", () => {
    const anywhere = { mayUse: true, mayCreate: true };
    const schemas = new Map(Array.from({ length: 9 }, (_, i) => [`s${i}`, anywhere]));
    expect(found({ schemas })).toEqual([]);
    const wide = [targetOf("t", { id: BIGINT }, "tenth")];
    expect(found({ schemas }, { targets: wide })).toEqual([
      "error: There would be 11 schemas besides public; the sink takes 10.",
    ]);
    expect(found({ tables: tables(994) })).toEqual([]);
    expect(found({ tables: tables(996) })).toEqual([
      "error: There would be 1002 tables; the sink takes 1000.",
    ]);
  });

  it("is that state is of a newer version, and that targets are another pipeline's", () => {
    const owners = [{ target: "public.t", pipelines: ["other"], shared: false }];
    expect(found({ owners, stateVersion: 2 })).toEqual([
      "error: Schema millrace holds state of version 2; this Millrace knows 1.",
      "error: public.t belongs to pipeline other.",
    ]);
    const all = [targetOf("t", { id: BIGINT }), targetOf("u", { id: BIGINT })];
    const theirs = all.map(({ id }) => ({ target: id, pipelines: ["other"], shared: false }));
    expect(found({ owners: theirs }, { targets: all })).toEqual([
      "error: public.t belongs to pipeline other; public.u belongs to pipeline other.",
    ]);
    const ours = [{ target: "public.t", pipelines: ["shop"], shared: false }];
    expect(found({ owners: ours, stateVersion: 1 })).toEqual([]);
  });

  it("is that keys may be longer than the sink takes, as far as that shows", () => {
    const text = (maxChars: number | null): LogicalType => ({ kind: "text", maxChars });
    const keyed = (...types: LogicalType[]) => [
      targetOf(
        "t",
        Object.fromEntries(types.map((type, i) => [`k${i}`, type])),
        "public",
        types.length,
      ),
    ];
    expect(found({}, { targets: keyed(text(255), BIGINT) })).toEqual([]);
    expect(found({}, { targets: keyed(text(1000), text(25)) })).toEqual([
      "warning: public.t: its key (k0, k1) may have 1025 characters, which may take 4100 bytes; the sink takes 1024 bytes.",
    ]);
    // Bytes are what is counted: 257 characters of four take 1028.
    expect(found({}, { targets: keyed(text(256)) })).toEqual([]);
    expect(found({}, { targets: keyed(text(257)) })).toEqual([
      "warning: public.t: its key (k0) may have 257 characters, which may take 1028 bytes; the sink takes 1024 bytes.",
    ]);
    const ascii: LogicalType = { kind: "text", maxChars: 512, charBytes: 1 };
    expect(found({}, { targets: keyed(ascii, { ...ascii, maxChars: 511 }) })).toEqual([]);
    expect(found({}, { targets: keyed(ascii, { ...ascii, charBytes: 3 }) })).toEqual([
      "warning: public.t: its key (k0, k1) may have 1024 characters, which may take 2048 bytes; the sink takes 1024 bytes.",
    ]);
    expect(found({}, { targets: keyed(text(null)) })).toEqual([
      "notice: public.t: its key (k0) may have any length; the sink takes 1024 bytes.",
    ]);
    expect(
      found(
        { server: { ...EMPTY.server, isDsql: false } },
        { targets: keyed(text(null)), profile: POSTGRES },
      ),
    ).toEqual([]);
  });

  it("is that a key is declared larger than the sink takes, where a mapper declares it", () => {
    const [plain] = REQUEST.targets;
    const declared = (type: string): Partial<SinkRequest> => ({
      targets:
        plain === undefined
          ? []
          : [{ ...plain, columns: plain.columns.map((c) => ({ ...c, type })) }],
    });
    expect(found({}, declared("varchar(2000)"))).toEqual([]);
    expect(found({}, declared("varchar(2001)"))).toEqual([
      "error: public.t: its key is declared as 2001 bytes; the sink takes 2000.",
    ]);
  });
});
