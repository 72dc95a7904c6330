import { beforeEach, describe, expect, it } from "vitest";
import { GenericSourceBlock } from "../../formats/generic-source-block.ts";
import { TransactionMeter } from "../../formats/transaction-meter.ts";
import type { DeadLetter } from "../../model/dead-letter.ts";
import type { Commit, TargetChangeEvent } from "../../model/sink.ts";
import { tableId, type TargetTable } from "../../model/table.ts";
import { BatchSender } from "./batch-sender.ts";
import type { SideTeller } from "./side-teller.ts";
import { sideTellers, type SideTopicOptions } from "./side-topics.ts";
import { TaskStateReader, type StateRecord } from "./state-records.ts";

const TOPICS = ["beat", "tx", "ddl", "letters"];

/** Takes messages in place of a broker: `topic key value`, or the topic and its headers. */
class Messages extends BatchSender {
  told: string[] = [];
  readonly headers: Record<string, string>[] = [];

  constructor() {
    const nothing = async (): Promise<void> => undefined;
    super({ send: nothing });
  }

  override add(
    ...[place, , , key, keyLength, value, length, headers]: Parameters<BatchSender["add"]>
  ): boolean {
    const text = length < 0 ? "gone" : value.toString("utf8", 0, length);
    this.told.push(`${place.name} ${key.toString("utf8", 0, keyLength)} ${text}`);
    this.headers.push(
      Object.fromEntries(
        headers.map(({ nameBytes, value: bytes }) => [
          String(Buffer.from(nameBytes)),
          String(bytes),
        ]),
      ),
    );
    return true;
  }
}

const table = (name: string, ...columns: readonly string[]): TargetTable => ({
  id: tableId("public", name),
  schema: "public",
  name,
  columns: ["id", ...columns].map((column) => ({
    name: column,
    type: "int",
    logical: { kind: "int", bits: 32 },
    nullable: column !== "id",
  })),
  key: [0],
  keyless: false,
});

const COMMIT: Commit = {
  fence: 1,
  lanes: [],
  writes: [],
  state: [],
  deadLetters: [],
  superseded: [],
};

let messages: Messages;
let meter: TransactionMeter;
let tellers: readonly SideTeller[];
let state: TaskStateReader;

function begin(only: Partial<SideTopicOptions>): void {
  messages = new Messages();
  meter = new TransactionMeter();
  const names = { serverName: "shop", version: "1" };
  const options: SideTopicOptions = {
    heartbeat: null,
    transactions: null,
    schemaChanges: null,
    deadLetters: null,
    serverName: "shop",
    includeSchema: false,
    create: "never",
    replicationFactor: null,
    ...only,
    ...(only.schemaChanges === undefined
      ? {}
      : { schemaChanges: { topic: "ddl", block: new GenericSourceBlock(names) } }),
    ...(only.transactions === undefined ? {} : { transactions: { topic: "tx", meter } }),
  };
  const places = new Map(TOPICS.map((name) => [name, { name, id: name, maxBatchBytes: 1e6 }]));
  tellers = sideTellers(options, "main", places, messages);
}

/** Another process goes on. */
function takeOver(only: Partial<SideTopicOptions>): void {
  begin(only);
  for (const teller of tellers) teller.restore?.(state.result());
}

function change(target: TargetTable, transaction: string | null): TargetChangeEvent {
  const row = ["1"];
  return {
    table: target,
    op: "c",
    key: "1",
    before: null,
    after: row,
    position: null,
    transaction: transaction === null ? null : { id: transaction, commitTimeMs: 7 },
    source: target.id,
    counterpart: null,
  };
}

/** One transaction, as the writer makes it. */
function write(
  changes: readonly TargetChangeEvent[],
  {
    nowMs = 0,
    lands = true,
    ...commit
  }: Partial<Commit> & { nowMs?: number; lands?: boolean } = {},
): void {
  const whole = { ...COMMIT, ...commit };
  for (const teller of tellers) teller.begin?.(whole, nowMs);
  for (const each of changes) {
    for (const teller of tellers) teller.table?.(each.table, nowMs);
    for (const teller of tellers) teller.change?.(each, nowMs);
    meter.count(each);
  }
  const records = tellers.flatMap(
    (teller): readonly StateRecord[] => teller.end?.(whole, nowMs) ?? [],
  );
  for (const teller of tellers)
    if (lands) teller.done();
    else teller.undone();
  if (!lands) return;
  for (const { key, value } of records) {
    const bytes = value === null ? null : Buffer.from(JSON.stringify(value));
    state.take(Buffer.from(JSON.stringify(key)), bytes);
  }
}

/** Status, id and counts of what the transactions' topic was told. */
function transactions(): readonly string[] {
  return messages.told.map((text) => {
    const { status, id, event_count, data_collections } = JSON.parse(text.split(" ")[2] ?? "") as {
      status: string;
      id: string;
      event_count: number | null;
      data_collections: readonly { data_collection: string; event_count: number }[] | null;
    };
    const counts = (data_collections ?? []).map(
      (each) => `${each.data_collection}=${each.event_count}`,
    );
    return [status, id, event_count, ...counts].filter((part) => part !== null).join(" ");
  });
}

beforeEach(() => {
  state = new TaskStateReader("main");
});

describe("the transactions' topic", () => {
  const only = { transactions: { topic: "tx", meter: new TransactionMeter() } };
  const [a, b] = [table("a"), table("b")];

  it("is told of a transaction that goes in parts once, with all its events, whoever writes the last", () => {
    begin(only);
    write([change(a, "1"), change(b, "1")], { endsTransaction: false });
    takeOver(only);
    write([change(a, "1")], { endsTransaction: true });
    expect(transactions()).toEqual(["END 1 3 public.a=2 public.b=1"]);
    write([change(a, "2")], { endsTransaction: true });
    expect(transactions().slice(1)).toEqual(["BEGIN 2", "END 2 1 public.a=1"]);
    expect(state.result().openTransaction).toBeNull();
  });

  it("hears of an end that nobody told by the next transaction, and not of loaded rows", () => {
    begin(only);
    write([change(a, null), change(a, "1"), change(a, null)]);
    write([]);
    write([change(a, "2")], { endsTransaction: true });
    expect(transactions()).toEqual([
      "BEGIN 1",
      "END 1 1 public.a=1",
      "BEGIN 2",
      "END 2 1 public.a=1",
    ]);
  });

  it("counts nothing of what failed and is written again", () => {
    begin(only);
    write([change(a, "1")]);
    write([change(a, "1"), change(a, "1")], { endsTransaction: true, lands: false });
    messages.told = [];
    write([change(a, "1")]);
    write([change(a, "1")], { endsTransaction: true });
    expect(transactions()).toEqual(["END 1 3 public.a=3"]);
  });
});

describe("the schema changes' topic", () => {
  const only = {
    schemaChanges: { topic: "ddl", block: new GenericSourceBlock({ serverName: "", version: "" }) },
  };
  const kinds = (): readonly string[] =>
    messages.told.map(
      (text) =>
        /"type":"(\w+)","id":"\\"public\\"\.\\"(\w+)\\""/.exec(text)?.slice(1).join(" ") ?? text,
    );

  it("is told of a shape once, before its first row, and again when it has changed", () => {
    begin(only);
    write([change(table("a"), "1"), change(table("b"), "1"), change(table("a"), "1")]);
    write([change(table("a"), "2")]);
    takeOver(only);
    write([change(table("a"), "3")]);
    expect(kinds()).toEqual([]);
    write([change(table("a", "more"), "3")]);
    expect(kinds()).toEqual(["ALTER a"]);
  });

  it("tells of a change that has no rows with the transaction that says it is done, and of a table that is gone", () => {
    begin(only);
    write([change(table("a"), "1")]);
    const wider = table("a", "more");
    const alter = {
      kind: "alter",
      table: wider,
      renames: [],
      drops: [],
      replaces: [],
      tag: "",
    } as const;
    for (const teller of tellers) teller.applied?.(alter);
    write([], { lands: false });
    write([]);
    write([change(wider, "2")]);
    expect(kinds()).toEqual(["CREATE a", "ALTER a", "ALTER a"]);
    for (const teller of tellers) teller.applied?.({ kind: "drop", table: wider, tag: "" });
    write([]);
    write([]);
    expect(kinds().slice(3)).toEqual(["DROP a"]);
    takeOver(only);
    write([change(wider, "3")]);
    expect(kinds()).toEqual(["CREATE a"]);
  });
});

describe("the other topics", () => {
  it("have a heartbeat with the first transaction behind each interval", () => {
    begin({ heartbeat: { topic: "beat", intervalMs: 100 } });
    for (const nowMs of [1000, 1050, 1099, 1100, 1150]) write([], { nowMs });
    write([], { nowMs: 1300, lands: false });
    write([], { nowMs: 1301 });
    const times = messages.told.map((text) => /"ts_ms":(\d+)/.exec(text)?.[1]);
    expect(times).toEqual(["1000", "1100", "1300", "1301"]);
  });

  it("have their schemas in their messages where those of tables have", () => {
    const letters = { topic: "letters" };
    const beat = { topic: "beat", intervalMs: 100 };
    begin({ heartbeat: beat, deadLetters: letters, includeSchema: true });
    write([], { nowMs: 1000 });
    write([], { nowMs: 1100 });
    const read = messages.told.map((text) => {
      const [, key = "", value = ""] = text.split(" ");
      return [JSON.parse(key), JSON.parse(value)] as const;
    });
    const schema = expect.objectContaining({ name: "io.debezium.connector.common.Heartbeat" });
    for (const [key, value] of read) {
      expect(key).toMatchObject({ payload: { serverName: "shop" } });
      expect(value).toEqual({ schema, payload: { ts_ms: expect.any(Number) } });
    }
    expect(read).toHaveLength(2);
  });

  it("have heartbeats also once the clock has been set back", () => {
    begin({ heartbeat: { topic: "beat", intervalMs: 100 } });
    for (const nowMs of [5000, 1000, 1050, 1100]) write([], { nowMs });
    const times = messages.told.map((text) => /"ts_ms":(\d+)/.exec(text)?.[1]);
    expect(times).toEqual(["5000", "1000", "1100"]);
  });

  it("have dead letters with their reasons, and a tombstone when they are gone", () => {
    begin({ deadLetters: { topic: "letters" } });
    const target = table("a").id;
    const letter: DeadLetter = {
      id: "ab12",
      table: target,
      target,
      key: "1",
      keyColumns: { id: "1" },
      op: "u",
      position: null,
      attempts: 2,
      parkedAtMs: 5,
      triedAtMs: 6,
      code: "MR_SINK_ROW_REFUSED",
      reason: "too large",
      column: null,
    };
    write([], { deadLetters: [letter] });
    write([], { superseded: [{ target, key: "1" }] });
    expect(messages.told).toEqual([
      `letters {"target":"public.a","key":"1"} ${JSON.stringify(letter)}`,
      `letters {"target":"public.a","key":"1"} gone`,
    ]);
    expect(messages.headers[0]).toMatchObject({
      "__millrace.dead-letter.code": "MR_SINK_ROW_REFUSED",
      "__millrace.dead-letter.reason": "too large",
      "__millrace.dead-letter.attempts": "2",
    });
  });
});
