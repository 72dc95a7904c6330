import { unreachable } from "../../errors/unreachable.ts";
import { finalRemedy } from "../../errors/final-remedy.ts";
import type { Finding } from "../../model/finding.ts";
import type { ConnectorContext } from "../../model/source.ts";
import { type TableId, tableId } from "../../model/table.ts";
import type { AttributeValue, DynamoApi, Item, TableDescription } from "./api.ts";
import { AwsApi } from "./aws-api.ts";
import { type Discovery, discoverTables } from "./discover.ts";
import type { DynamoSourceOptions } from "./options.ts";
import { PROMISED_MS } from "./prepare-log.ts";
import { SCHEMA } from "./table-shape.ts";

const WHITELIST = "source.dynamodb.table.whitelist";
const TAGS = "source.dynamodb.table.ingestion.tag.key";

/** What is asked of the pipeline. */
interface Pipeline {
  /** Whether its sink keeps tables or tells messages. */
  readonly rows: "tables" | "messages";
  /** Tables that it reads already; null where it has not begun. */
  readonly known: ReadonlySet<TableId> | null;
}

/** What AWS says about a pipeline before it is started. Writes nothing. */
export async function validateDynamodb(
  options: DynamoSourceOptions,
  context: ConnectorContext,
  { rows, known }: Pipeline,
): Promise<Finding[]> {
  const api = new AwsApi(options.connection, context);
  try {
    const looked = await discoverTables(api, options.discovery);
    const rights = await Promise.all(looked.found.map((table) => checkRights(api, table, rows)));
    const isFirst = looked.found.some(({ name }) => known?.has(tableId(SCHEMA, name)) !== true);
    const startup = isFirst ? startupFindings(options, context.clock.now()) : [];
    return [...findingsOf(looked, options), ...startup, ...rights.flat()];
  } catch (error) {
    return [unreachable(error)];
  } finally {
    await api.close();
  }
}

function findingsOf(
  { found, leftOut, unknown }: Discovery,
  { discovery: { choice } }: DynamoSourceOptions,
): Finding[] {
  const option = choice.by === "whitelist" ? WHITELIST : TAGS;
  return [
    ...leftOut.map(({ table, why, remedy }): Finding => ({
      // Who names a table wants it; who tags tables may tag some that are not meant.
      severity: choice.by === "whitelist" ? "error" : "warning",
      what: `Table ${table} ${why}.`,
      whatFollows: "It is not read.",
      remedy: `${remedy.charAt(0).toUpperCase()}${remedy.slice(1)}.`,
      option,
    })),
    ...unknown.map(({ table, error }): Finding => ({
      severity: "error",
      what: `Table ${table} cannot be asked about: ${error.detail}`,
      whatFollows: "It is not read until it can be.",
      remedy: finalRemedy(error),
      code: error.code,
    })),
    ...(found.length === 0 && leftOut.length === 0 && unknown.length === 0
      ? [nothingFound(option)]
      : []),
  ];
}

/** What a first start cannot have that is to begin at a time of long ago (I8). */
function startupFindings({ startup }: DynamoSourceOptions, nowMs: number): Finding[] {
  if (startup.mode !== "timestamp" || startup.timestampMs >= nowMs - PROMISED_MS) return [];
  const asked = new Date(startup.timestampMs).toISOString();
  return [
    {
      severity: "notice",
      what: `Streams keep records for 24 hours, and ${asked} is at the edge of that or longer ago.`,
      whatFollows:
        "Of the changes that a first start is to begin with, some or all may be gone: `status` says so then.",
      remedy:
        "Write a time of the last 23 hours, or scan.startup.mode: initial, which loads the tables.",
      option: "source.scan.startup.timestamp-millis",
    },
  ];
}

function nothingFound(option: string): Finding {
  return {
    severity: "warning",
    what: "No table carries the tags now.",
    whatFollows: "The pipeline waits for one.",
    remedy:
      "Look at the tags' keys and values, at aws.region, and at whose credentials these are (`aws sts get-caller-identity`).",
    option,
  };
}

/** Asks for what reading takes, as little of it as can be: a page of one item, an item by its key, the stream, its first records. */
async function checkRights(
  api: DynamoApi,
  table: TableDescription,
  rows: "tables" | "messages",
): Promise<Finding[]> {
  const { name, stream } = table;
  const findings: Finding[] = [];
  const ask = async (work: () => Promise<unknown>, lacking: Partial<Finding>): Promise<void> => {
    try {
      await work();
    } catch (error) {
      const { code, ...finding } = unreachable(error);
      // A shard that is trimmed while it is asked about, or a busy table, is no missing right.
      if (code === "MR_SOURCE_LOSS" || code === "MR_SOURCE_THROTTLED") return;
      findings.push({ ...finding, ...(code === undefined ? {} : { code }), ...lacking });
    }
  };
  const unread = { whatFollows: `Table ${name} cannot be read.` };
  const page = { table: name, segment: 0, segments: 1, startKey: null, limit: 1 };
  await ask(() => api.scan({ ...page, consistent: false }), unread);
  if (rows === "tables")
    await ask(() => api.getItems(name, [madeKey(table)]), {
      severity: "warning",
      whatFollows: `Rows that are gone from table ${name} when it is loaded again are not found, and \`verify\` cannot compare it.`,
    });
  if (stream !== null) await ask(() => readStream(api, stream.arn), unread);
  return findings;
}

/** A key that the table may have, whether it has the item or not: as ghosts are looked for, and rows are compared. */
function madeKey({ key }: TableDescription): Item {
  const made: Readonly<Record<"S" | "N" | "B", AttributeValue>> = {
    S: { S: "millrace" },
    N: { N: "0" },
    B: { B: Buffer.from("millrace").toString("base64") },
  };
  return Object.fromEntries(key.map(({ name, type }) => [name, made[type]]));
}

async function readStream(api: DynamoApi, arn: string): Promise<void> {
  const { shards } = await api.describeStream(arn);
  const last = shards.at(-1);
  if (last === undefined) return;
  const iterator = await api.shardIterator(arn, last.id, { at: "LATEST" });
  await api.records(iterator, { limit: 1 });
}
