// A table's stream in a process of its own: as many shards as asked for, whose pages are one recorded page again and again, each
// record with a sequence number of its own. Everything is in memory, so that the service takes as little part as it can.
// Arguments: the recorded answer of GetRecords, shards of a table, pages of a shard, how often a shard answers at most in a second
// (0: at once), how late each answer is, in milliseconds. Tables are named `table-N`.
import { createServer, type IncomingMessage } from "node:http";
import { readFileSync } from "node:fs";
import type { AddressInfo } from "node:net";

const [file = "", ...numbers] = process.argv.slice(2);
const [shards = 1, pages = 1, readsPerSecond = 0, lateMs = 0] = numbers.map(Number);
const nowMs = Date.now();
/** Digits of a sequence number. */
const DIGITS = 25;
const FIRST = "1".padEnd(DIGITS, "0");

interface Recorded {
  readonly Records: readonly { readonly dynamodb: object }[];
}

/** The recorded page with places for sequence numbers, and where these are. */
function template(): { readonly bytes: Buffer; readonly places: readonly number[] } {
  const recorded = JSON.parse(readFileSync(file, "utf8")) as Recorded;
  const ApproximateCreationDateTime = Math.floor(nowMs / 1_000);
  const Records = recorded.Records.map((record) => ({
    ...record,
    dynamodb: { ...record.dynamodb, ApproximateCreationDateTime, SequenceNumber: FIRST },
  }));
  const bytes = Buffer.from(JSON.stringify({ Records, NextShardIterator: "i".repeat(40) }));
  const places: number[] = [];
  for (let at = bytes.indexOf(FIRST); at !== -1; at = bytes.indexOf(FIRST, at + 1)) places.push(at);
  return { bytes, places };
}

const { bytes: page, places } = template();
const next = page.lastIndexOf("i".repeat(40));

/** Stamped in place: an answer is written before the next one is made. */
function pageOf(table: string, shard: number, nth: number): Buffer {
  const answer = Buffer.from(page);
  for (const [i, at] of places.entries())
    answer.write(String(nth * places.length + i).padStart(DIGITS - 1, "0"), at + 1, "latin1");
  answer.write(iterator(table, shard, nth + 1), next, "latin1");
  return answer;
}

/** Always as long. */
function iterator(table: string, shard: number, nth: number): string {
  return `${table.slice(6)}:${shard}:${nth}:`.padEnd(40, "i");
}

function arnOf(table: string): string {
  return `arn:aws:dynamodb:eu-west-1:123456789012:table/${table}`;
}

function answerOf(action: string, asked: Record<string, string>): unknown {
  switch (action) {
    case "DescribeTable":
      return { Table: described(asked["TableName"] ?? "") };
    case "DescribeStream":
      return { StreamDescription: streamOf(tableOf(asked["StreamArn"] ?? "")) };
    case "GetShardIterator":
      return { ShardIterator: begun(asked) };
    case "Scan":
      return { Items: [], Count: 0, ScannedCount: 0 };
    default:
      return {};
  }
}

function described(TableName: string): object {
  return {
    TableName,
    TableArn: arnOf(TableName),
    TableId: TableName,
    TableStatus: "ACTIVE",
    KeySchema: [{ AttributeName: "id", KeyType: "HASH" }],
    AttributeDefinitions: [{ AttributeName: "id", AttributeType: "S" }],
    LatestStreamArn: `${arnOf(TableName)}/stream/2026-11-22T00:00:00.000`,
    StreamSpecification: { StreamEnabled: true, StreamViewType: "NEW_IMAGE" },
    ProvisionedThroughput: { ReadCapacityUnits: 0 },
    ItemCount: 0,
    TableSizeBytes: 0,
  };
}

function tableOf(arn: string): string {
  return arn.split("/")[1] ?? "";
}

function shardName(n: number): string {
  return `shardId-${String(nowMs - 60_000).padStart(20, "0")}-${String(n).padStart(8, "0")}`;
}

function streamOf(table: string): object {
  return {
    StreamArn: `${arnOf(table)}/stream/2026-11-22T00:00:00.000`,
    StreamStatus: "ENABLED",
    StreamViewType: "NEW_IMAGE",
    TableName: table,
    Shards: Array.from({ length: shards }, (_, n) => ({
      ShardId: shardName(n),
      SequenceNumberRange: { StartingSequenceNumber: FIRST },
    })),
  };
}

/** Behind the page that a sequence number is of. */
function begun(asked: Record<string, string>): string {
  const shard = Number((asked["ShardId"] ?? "").slice(-8));
  const sequence = asked["SequenceNumber"];
  const nth =
    sequence === undefined ? 0 : Math.floor((Number(sequence.slice(1)) + 1) / places.length);
  return iterator(tableOf(asked["StreamArn"] ?? ""), shard, nth);
}

async function bodyOf(request: IncomingMessage): Promise<Record<string, string>> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  return JSON.parse(Buffer.concat(parts).toString()) as Record<string, string>;
}

/** By shard, when it may answer next. */
const free = new Map<string, number>();

/** An answer is due so late, and no sooner behind the shard's last one than the service lets it be read. */
function waitMs(shard: string): number {
  if (readsPerSecond === 0) return lateMs;
  const now = performance.now();
  const at = Math.max(now + lateMs, free.get(shard) ?? 0);
  free.set(shard, at + 1_000 / readsPerSecond);
  return at - now;
}

const server = createServer((request, response) => {
  void bodyOf(request).then((asked) => {
    const action = String(request.headers["x-amz-target"]).split(".")[1] ?? "";
    const [table = "", shard = "0", nth = "0"] = (asked["ShardIterator"] ?? "").split(":");
    const answer =
      action !== "GetRecords"
        ? JSON.stringify(answerOf(action, asked))
        : Number(nth) < pages
          ? pageOf(`table-${table}`, Number(shard), Number(nth))
          : JSON.stringify({ Records: [], NextShardIterator: asked["ShardIterator"] });
    response.setHeader("content-type", "application/x-amz-json-1.0");
    const dueMs = action === "GetRecords" ? waitMs(`${table} ${shard}`) : 0;
    if (dueMs > 0) setTimeout(() => response.end(answer), dueMs);
    else response.end(answer);
  });
});

server.keepAliveTimeout = 60_000;
server.listen(0, "127.0.0.1", () => process.send?.((server.address() as AddressInfo).port));
process.on("disconnect", () => process.exit());
