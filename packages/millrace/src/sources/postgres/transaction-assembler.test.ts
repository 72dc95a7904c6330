import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { testRuns } from "../../../../../test/support/test-runs.ts";
import { MillraceError } from "../../errors/millrace-error.ts";
import type { LogBatch, LogItem } from "../../model/change.ts";
import { tableId, type TableId, type TableShape } from "../../model/table.ts";
import { Skimmed, UNCHANGED } from "../../model/value.ts";
import { CapturedTables } from "./captured-tables.ts";
import * as sent from "./pgoutput-encoder.fixture.ts";
import type { SentRelation } from "./pgoutput-encoder.fixture.ts";
import { boundary, comparePositions, type LogPosition } from "./position.ts";
import type { ResolvedShape } from "./relation-shape.ts";
import { Fed, TransactionAssembler } from "./transaction-assembler.ts";
import { TransactionIds } from "./transaction-id.ts";

const START = boundary(1_000);

function shape(
  name: string,
  oid: number,
  columns: readonly string[],
  key: readonly number[] = [0],
): TableShape {
  return {
    id: tableId("public", name),
    schema: "public",
    name,
    identity: String(oid),
    columns: columns.map((column, index) => ({
      name: column,
      type: { kind: "text", maxChars: null },
      sourceType: "text",
      nullable: true,
      ordinal: index + 1,
    })),
    key,
  };
}

const relation = (name: string, oid: number, columns: readonly string[]): Buffer =>
  sent.relation({
    oid,
    name,
    columns: columns.map((column, index) => ({ name: column, isKey: index === 0 })),
  });

const T = shape("t", 10, ["id", "v"]);
const U = shape("u", 20, ["id", "v"]);
const R_T = relation("t", 10, ["id", "v"]);
const R_U = relation("u", 20, ["id", "v"]);

interface Session {
  readonly from?: LogPosition;
  readonly tables?: readonly TableShape[];
  /** Shapes by the Relation message's column names; the known one where absent. */
  readonly resolved?: (
    known: TableShape | null,
    columns: readonly string[],
    oid: number,
  ) => ResolvedShape;
  readonly maxValueBytes?: number;
  readonly xid?: number;
}

type Message = readonly [lsn: number, message: Buffer];

/** Feeds messages through an assembler as the log does, resolving shapes where it asks for them. */
async function run(
  messages: readonly (Message | Buffer)[],
  session: Session = {},
): Promise<LogBatch[]> {
  const tables = session.tables ?? [T, U];
  const captured = new CapturedTables(
    new Map<TableId, TableShape>(tables.map((table) => [table.id, table])),
    async ({ columns, oid, name }, known) => {
      const names = columns.map((column) => column.name);
      const resolve =
        session.resolved ?? (() => ({ shape: known ?? shape(name, oid, names), rewritten: [] }));
      return resolve(known, names, oid);
    },
  );
  const bodies = messages.map((message) =>
    Buffer.isBuffer(message) ? message : sent.xlogData(...message),
  );
  const buffer = Buffer.concat(bodies);
  const assembler = new TransactionAssembler({
    buffer,
    from: session.from ?? START,
    tables: captured,
    transactionIds: new TransactionIds(session.xid ?? 1_000),
    maxValueBytes: session.maxValueBytes ?? 1 << 30,
    maxRowBytes: 1 << 30,
  });
  const batches: LogBatch[] = [];
  let at = 0;
  for (const body of bodies) {
    while (assembler.feed(at, at + body.length) === Fed.UNRESOLVED) await assembler.resolve();
    at += body.length;
    const batch = assembler.take();
    if (batch !== null) batches.push(batch);
  }
  return batches;
}

async function items(
  messages: readonly (Message | Buffer)[],
  session: Session = {},
): Promise<LogItem[]> {
  return (await run(messages, session)).flatMap((batch) => batch.items);
}

/** What a change says, without its objects. */
function said(item: LogItem): unknown[] {
  if (item.kind !== "change")
    return [item.kind, item.kind === "shape" ? item.shape.id : item.table, item.position];
  return [item.op, item.shape.name, item.before, item.after, item.position, item.movedFrom];
}

describe("a transaction", () => {
  it("becomes changes with its id and time, at positions of their own, and ends at a boundary", async () => {
    const batches = await run([
      [1_500, sent.begin(2_000, 1_005, 2_000_000)],
      [1_500, R_T],
      [1_500, sent.insert(10, ["1", "a"])],
      [1_600, sent.update(10, ["1", "b"])],
      [1_700, sent.remove(10, "K", ["1", null])],
      [2_040, sent.commit(2_000, 2_040)],
    ]);
    const changes = batches.flatMap((batch) => batch.items);
    expect(changes.map(said)).toEqual([
      ["c", "t", null, ["1", "a"], [2_000, 1_500, 3], null],
      ["u", "t", null, ["1", "b"], [2_000, 1_600, 3], null],
      ["d", "t", ["1", UNCHANGED], null, [2_000, 1_700, 3], null],
    ]);
    const transactions = new Set(changes.map((item) => item.transaction));
    expect([...transactions]).toEqual([{ id: "1005@0/7D0", commitTimeMs: 946_684_802_000 }]);
    expect(batches.map((batch) => batch.acknowledge)).toEqual([
      START,
      START,
      START,
      boundary(2_040),
    ]);
    expect(batches.at(-1)).toMatchObject({
      items: [],
      position: boundary(2_040),
      sourceTimeMs: 946_684_802_000,
    });
  });

  it("of many rows in one record has them at one LSN, in order", async () => {
    const rows = ["1", "2", "3"].map((id): Message => [1_500, sent.insert(10, [id, "x"])]);
    const changes = await items([[1_500, sent.begin(2_000, 5)], [1_500, R_T], ...rows]);
    expect(changes.map((item) => item.position)).toEqual([
      [2_000, 1_500, 3],
      [2_000, 1_500, 7],
      [2_000, 1_500, 11],
    ]);
  });

  it("that is empty moves the frontier, and so does a keepalive between transactions", async () => {
    const batches = await run([
      [1_900, sent.begin(2_000, 5)],
      [2_040, sent.commit(2_000, 2_040)],
      sent.keepalive(2_500, false, 3_000_000),
      sent.keepalive(2_500),
      sent.keepalive(2_400),
    ]);
    expect(batches).toEqual([
      {
        items: [],
        position: boundary(2_040),
        acknowledge: boundary(2_040),
        sourceTimeMs: 946_684_800_000,
        bytes: 0,
      },
      {
        items: [],
        position: boundary(2_500),
        acknowledge: boundary(2_500),
        sourceTimeMs: 946_684_803_000,
        bytes: 0,
      },
    ]);
  });

  it("that is open is never moved past by a keepalive", async () => {
    const batches = await run([
      [1_500, sent.begin(2_000, 5)],
      [1_500, R_T],
      [1_500, sent.insert(10, ["1", "a"])],
      sent.keepalive(9_000),
      [1_600, sent.insert(10, ["2", "a"])],
    ]);
    expect(batches.map((batch) => [batch.position, batch.acknowledge])).toEqual([
      [[2_000, 1_500, 3], START],
      [[2_000, 1_600, 3], START],
    ]);
  });

  it("gets its 64-bit id from a reference, before and after it, across the wrap", async () => {
    const epoch = 0x1_0000_0000;
    const ids = new TransactionIds(3 * epoch + 10);
    expect(ids.full(5)).toBe(String(3 * epoch + 5));
    expect(ids.full(4_294_967_290)).toBe(String(2 * epoch + 4_294_967_290));
    expect(ids.full(2_000_000_000)).toBe(String(3 * epoch + 2_000_000_000));
    expect(ids.full(4_000_000_000)).toBe(String(3 * epoch + 4_000_000_000));
    expect(ids.full(7)).toBe(String(4 * epoch + 7));
  });
});

describe("a key change", () => {
  it("has two ordered positions and the old key", async () => {
    const [change] = await items([
      [1_500, sent.begin(2_000, 5)],
      [1_500, R_T],
      [1_500, sent.update(10, ["2", "a"], { kind: "K", row: ["1", null] })],
    ]);
    expect(change === undefined ? null : said(change)).toEqual([
      "u",
      "t",
      ["1", UNCHANGED],
      ["2", "a"],
      [2_000, 1_500, 3],
      [2_000, 1_500, 2],
    ]);
  });

  it("is none where the old key is the new one, with the full row too", async () => {
    const changes = await items([
      [1_500, sent.begin(2_000, 5)],
      [1_500, R_T],
      [1_500, sent.update(10, ["1", "b"], { kind: "O", row: ["1", "a"] })],
      [1_600, sent.update(10, ["1", "b"], { kind: "K", row: ["1", null] })],
      [1_700, sent.update(10, ["2", "b"], { kind: "O", row: ["1", "b"] })],
    ]);
    expect(changes.map((item) => (item.kind === "change" ? item.movedFrom : "other"))).toEqual([
      null,
      null,
      [2_000, 1_700, 2],
    ]);
  });
});

describe("tables that are not captured", () => {
  const other = relation("other", 30, ["id"]);
  it("are read past, yet their events count for the positions of others", async () => {
    const withOther: Message[] = [
      [1_500, sent.begin(2_000, 5)],
      [1_500, other],
      [1_500, sent.insert(30, ["x"])],
      [1_500, R_T],
      [1_500, sent.insert(10, ["1", "a"])],
    ];
    const batches = await run(withOther);
    expect(batches.map((batch) => [batch.items.length, batch.position])).toEqual([
      [0, [2_000, 1_500, 3]],
      [1, [2_000, 1_500, 7]],
    ]);
  });
});

describe("TRUNCATE", () => {
  it("of several tables has a position for each, by oid, whatever is captured", async () => {
    const messages: Message[] = [
      [1_500, sent.begin(2_000, 5)],
      [1_500, R_U],
      [1_500, R_T],
      [1_500, sent.truncate([20, 10])],
    ];
    expect((await items(messages)).map(said)).toEqual([
      ["truncate", "public.t", [2_000, 1_500, 43]],
      ["truncate", "public.u", [2_000, 1_500, 83]],
    ]);
    expect((await items(messages, { tables: [U] })).map(said)).toEqual([
      ["truncate", "public.u", [2_000, 1_500, 83]],
    ]);
    expect((await items(messages, { from: [2_000, 1_500, 43] })).map(said)).toEqual([
      ["truncate", "public.u", [2_000, 1_500, 83]],
    ]);
  });
});

describe("a change of shape", () => {
  const wider = shape("t", 10, ["id", "v", "w"]);
  const resolved = (known: TableShape | null, columns: readonly string[]): ResolvedShape => {
    if (known !== null && known.columns.length === columns.length)
      return { shape: known, rewritten: [] };
    return { shape: shape("t", 10, columns), rewritten: known === null ? [...columns] : ["w"] };
  };
  const stream: Message[] = [
    [1_500, sent.begin(2_000, 5)],
    [1_500, R_T],
    [1_500, sent.insert(10, ["1", "a"])],
    [1_600, relation("t", 10, ["id", "v", "w"])],
    [1_600, sent.insert(10, ["2", "b", "c"])],
    [1_600, sent.insert(10, ["3", "b", "c"])],
    [2_040, sent.commit(2_000, 2_040)],
  ];

  it("comes right before the first row that has it, at a position of its own", async () => {
    const all = await items(stream, { resolved });
    expect(all.map(said)).toEqual([
      ["c", "t", null, ["1", "a"], [2_000, 1_500, 3], null],
      ["shape", "public.t", [2_000, 1_600, 1]],
      ["c", "t", null, ["2", "b", "c"], [2_000, 1_600, 3], null],
      ["c", "t", null, ["3", "b", "c"], [2_000, 1_600, 7], null],
    ]);
    expect(all[1]).toMatchObject({ shape: wider, previous: T, rewritten: ["w"] });
  });

  it("that the sink has made already is not told again, and no position moves", async () => {
    const all = await items(stream, { resolved, tables: [wider], from: [2_000, 1_600, 1] });
    expect(all.map((item) => [item.kind, item.position])).toEqual([
      ["change", [2_000, 1_600, 3]],
      ["change", [2_000, 1_600, 7]],
    ]);
  });

  it("does not follow from a Relation message that is only sent again", async () => {
    const again = stream.flatMap((message): Message[] => [[message[0], R_T], message]).slice(0, 8);
    const all = await items(
      [...again.slice(0, 6), [1_700, R_T], [1_700, sent.insert(10, ["9", "z"])]],
      { resolved },
    );
    expect(all.map((item) => item.kind)).toEqual(["change", "change"]);
  });

  it("is a dropped table and a new one where the oid is another", async () => {
    const all = await items(
      [
        [1_500, sent.begin(2_000, 5)],
        [1_500, relation("t", 11, ["id", "v"])],
        [1_500, sent.insert(11, ["1", "a"])],
      ],
      { resolved },
    );
    expect(all.map(said)).toEqual([
      ["dropped", "public.t", [2_000, 1_500, 0]],
      ["shape", "public.t", [2_000, 1_500, 1]],
      ["c", "t", null, ["1", "a"], [2_000, 1_500, 3], null],
    ]);
    expect(all[1]).toMatchObject({ previous: null, rewritten: ["id", "v"] });
  });

  it("is a dropped table where it was renamed away, and its rows are read past", async () => {
    const batches = await run([
      [1_500, sent.begin(2_000, 5)],
      [1_500, relation("t_old", 10, ["id", "v"])],
      [1_500, sent.insert(10, ["1", "a"])],
      [1_600, sent.insert(10, ["2", "a"])],
      [1_700, relation("t_old", 10, ["id", "v"])],
      [1_700, sent.insert(10, ["3", "a"])],
    ]);
    expect(batches.flatMap((batch) => batch.items).map(said)).toEqual([
      ["dropped", "public.t", [2_000, 1_500, 0]],
    ]);
    expect(batches.at(-1)?.position).toEqual([2_000, 1_700, 3]);
  });
});

describe("a replay", () => {
  const columns = ["id", "v"];
  const stream: Message[] = [
    [1_500, sent.begin(2_000, 5)],
    [1_500, R_T],
    [1_500, sent.insert(10, ["1", "a"])],
    [1_500, sent.insert(10, ["2", "a"])],
    [1_600, R_U],
    [1_600, sent.update(20, ["8", "b"], { kind: "K", row: ["7", null] })],
    [1_700, sent.truncate([10, 20])],
    [1_800, relation("t", 10, columns)],
    [1_800, sent.insert(10, ["3", "a"])],
    [2_040, sent.commit(2_000, 2_040)],
    [2_100, sent.begin(2_200, 6)],
    [2_100, sent.insert(10, ["4", "a"])],
    [2_240, sent.commit(2_200, 2_240)],
  ];

  it("from any position gives exactly the items after it, at the same positions", async () => {
    const all = await items(stream);
    expect(all.length).toBe(7);
    for (const [index, item] of all.entries()) {
      const from = item.position as LogPosition;
      const rest = await items(
        from[0] === 2_000 ? stream : stream.slice(10).toSpliced(0, 0, [0, R_T]),
        { from },
      );
      expect(rest.map(said)).toEqual(all.slice(index + 1).map(said));
    }
  });

  it("gives positions in strictly growing order", async () => {
    const all = await items(stream);
    const positions = all.flatMap((item) =>
      item.kind === "change" && item.movedFrom !== null
        ? [item.movedFrom, item.position]
        : [item.position],
    );
    for (const [index, position] of positions.entries()) {
      const next = positions[index + 1];
      if (position !== null && next !== undefined && next !== null) {
        expect(comparePositions(position, next)).toBeLessThan(0);
      }
    }
  });

  it("keeps positions in order even where LSNs of a transaction step back", async () => {
    const all = await items([
      [1_500, sent.begin(2_000, 5)],
      [1_500, R_T],
      [1_600, sent.insert(10, ["1", "a"])],
      [1_550, sent.insert(10, ["2", "a"])],
      [1_700, sent.insert(10, ["3", "a"])],
    ]);
    expect(all.map((item) => item.position)).toEqual([
      [2_000, 1_600, 3],
      [2_000, 1_600, 7],
      [2_000, 1_700, 3],
    ]);
  });
});

describe("what the protocol does not allow", () => {
  const expectError = async (
    messages: readonly (Message | Buffer)[],
    code = "MR_SOURCE_PROTOCOL",
  ): Promise<void> => {
    await expect(run(messages)).rejects.toMatchObject({ name: "MillraceError", code });
  };

  it("is an error with a code", async () => {
    await expectError([[1, sent.insert(10, ["1", "a"])]]);
    await expectError([
      [1, R_T],
      [1, sent.insert(10, ["1", "a"])],
    ]);
    await expectError([
      [1, sent.begin(2, 1)],
      [1, sent.begin(3, 1)],
    ]);
    await expectError([
      [1, sent.begin(2, 1)],
      [1, sent.commit(3, 4)],
    ]);
    await expectError([
      [1, sent.begin(2, 1)],
      [1, sent.commit(2, 2)],
    ]);
    await expectError([[1, sent.commit(2, 3)]]);
    await expectError([
      [1, sent.begin(2, 1)],
      [1, sent.insert(99, ["1", "a"])],
    ]);
    await expectError([
      [1, sent.begin(2, 1)],
      [1, sent.truncate([99])],
    ]);
    await expectError([Buffer.from("x")]);
    await expectError([Buffer.from("w")]);
    await expectError([Buffer.from("k")]);
    await expectError([[1, Buffer.from("?")]]);
  });

  it("of any content is an error with a code, never a crash", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ minLength: 1, maxLength: 120 }),
        fc.constantFrom(0x77, 0x6b, 0x00),
        async (junk, kind) => {
          const body = Buffer.from(junk);
          if (kind !== 0) body[0] = kind;
          try {
            await run([[1, sent.begin(2_000, 1)], [1, R_T], body]);
          } catch (error) {
            if (!(error instanceof MillraceError) || error.code !== "MR_SOURCE_PROTOCOL")
              throw error;
          }
        },
      ),
      { numRuns: testRuns(500) },
    );
  });

  it("refuses a delete that does not say which row, naming the table and the remedy", async () => {
    await expectError(
      [
        [1_500, sent.begin(2_000, 5)],
        [1_500, R_T],
        [1_500, sent.remove(10, "K", [null, null])],
      ],
      "MR_SOURCE_REFUSED",
    );
  });
});

describe("a large message", () => {
  const relationT: SentRelation = {
    oid: 10,
    name: "t",
    columns: [{ name: "id", isKey: true }, { name: "v" }],
  };

  /** Feeds one message piecewise, as the wire reader gives it. */
  async function runLarge(
    message: Buffer,
    maxValueBytes: number,
    tables = [T],
  ): Promise<LogBatch | null> {
    const before = [
      sent.xlogData(1_500, sent.begin(2_000, 5)),
      sent.xlogData(1_500, sent.relation(relationT)),
    ];
    const body = sent.xlogData(1_500, message);
    const buffer = Buffer.concat([...before, body]);
    const captured = new CapturedTables(
      new Map<TableId, TableShape>(tables.map((table) => [table.id, table])),
      async (_, known) => ({ shape: known ?? T, rewritten: [] }),
    );
    const assembler = new TransactionAssembler({
      buffer,
      from: START,
      tables: captured,
      transactionIds: new TransactionIds(5),
      maxValueBytes,
      maxRowBytes: 1 << 30,
    });
    let at = 0;
    for (const part of before) assembler.feed(at, (at += part.length));
    const piece = 100;
    while (assembler.beginLarge(at, at + piece, body.length) === Fed.UNRESOLVED)
      await assembler.resolve();
    for (; at < buffer.length; at += piece)
      assembler.pushLarge(at, Math.min(at + piece, buffer.length));
    assembler.endLarge();
    return assembler.take();
  }

  it("keeps its key and skims what no sink takes", async () => {
    const batch = await runLarge(sent.insert(10, ["1", "x".repeat(50_000)]), 10_000);
    expect(batch?.items.map(said)).toEqual([
      ["c", "t", null, ["1", new Skimmed(50_000)], [2_000, 1_500, 3], null],
    ]);
    expect(batch?.bytes).toBeLessThan(1_000);
  });

  it("of a table that is not captured is read past", async () => {
    const batch = await runLarge(sent.insert(10, ["1", "x".repeat(50_000)]), 10_000, []);
    expect(batch?.items).toEqual([]);
    expect(batch?.position).toEqual([2_000, 1_500, 3]);
  });

  it("that is a logical message is read past", async () => {
    expect(await runLarge(sent.logicalMessage(1, "app", "x".repeat(50_000)), 10_000)).toBeNull();
  });

  it("that is no row is an error", async () => {
    await expect(
      runLarge(sent.truncate(Array.from({ length: 1_000 }, () => 10)), 10),
    ).rejects.toMatchObject({
      code: "MR_SOURCE_PROTOCOL",
    });
  });
});
