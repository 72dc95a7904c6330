import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Change } from "../../model/change.ts";
import { RowLine } from "../../model/row-line.ts";
import type { TableShape, TargetTable } from "../../model/table.ts";
import type { Row } from "../../model/value.ts";
import type { SinkServer } from "./sink-servers.fixture.ts";
import { BIGINT, SINK_SERVERS, TEXT, commitOf, send, shapeOf } from "./sink-servers.fixture.ts";

const COUNT = 300;
const NOTES: readonly (readonly [value: string | null, text: string])[] = [
  ["plain", "plain"],
  [null, "\\N"],
  ["\\N", "\\\\N"],
  ["\\.", "\\\\."],
  ["a\tb\nc\r\\d\b\f\v", "a\\tb\\nc\\r\\\\d\\b\\f\\v"],
  ["ß😀", "ß😀"],
  ["", ""],
];
const noteOf = (i: number) => NOTES[i % NOTES.length] ?? (["", ""] as const);
const rowOf = (i: number): Row => [String(i), noteOf(i)[0]];

/** A write of so many rows as their source wrote them. */
function linesWrite(shape: TableShape, table: TargetTable) {
  const read: string[] = [];
  const texts = Array.from({ length: COUNT }, (_, i) => `${i}\t${noteOf(i)[1]}\n`);
  const buffer = Buffer.from(texts.join(""));
  let at = 0;
  const lines = texts.map((text, i) => {
    const start = at;
    at += Buffer.byteLength(text);
    const change = (): Change => {
      read.push(String(i));
      return new Change("r", shape, null, rowOf(i), null, null, null, 1);
    };
    const value = () => expect.unreachable();
    return new RowLine({ buffer, read: change, value }, start, at, String(i), 1);
  });
  const write = {
    kind: "upsert",
    table,
    fresh: true,
    lines,
    get rows() {
      return lines.map((line) => line.read().after ?? []);
    },
  } as const;
  return { write, read };
}

describe("rows as their source wrote them", () => {
  let server: SinkServer;

  beforeAll(async () => {
    const postgres = SINK_SERVERS.find(({ name }) => name === "postgres");
    if (postgres === undefined) throw new Error("no server");
    server = await postgres.start();
  });
  afterAll(() => server.stop());

  /** Writes them to a table where `there` rows are already. */
  async function written(name: string, there: number) {
    const sink = server.sink();
    await sink.open();
    const shape = shapeOf(name, { id: BIGINT, note: TEXT });
    const table = sink.mapTable(shape, { schema: "public", name });
    await sink.checkTable(table, "if-missing");
    const { fence } = await sink.takeOver({ pipeline: name, task: "0", lanes: 1 });
    await server.query(
      `INSERT INTO ${name} SELECT n, 'old' FROM generate_series(1, ${there}) AS old(n)`,
    );
    const { write, read } = linesWrite(shape, table);
    await send(sink, commitOf(fence, 0, [write]));
    expect(await sink.readLanes()).toEqual([{ lane: 0, fence, seq: 1 }]);
    await sink.close();
    return { read, rows: await server.query(`SELECT id, note FROM ${name} ORDER BY id`) };
  }
  const expected = Array.from({ length: COUNT }, (_, i) => ({ id: String(i), note: noteOf(i)[0] }));

  it("are copied without a look at their values", async () => {
    const { read, rows } = await written("lines_new", 0);
    expect(rows).toEqual(expected);
    expect(read).toEqual([]);
  });

  it("take the place of rows that are there", async () => {
    const { read, rows } = await written("lines_known", 3);
    expect(rows).toEqual(expected);
    expect(read).toHaveLength(COUNT);
  });
});
