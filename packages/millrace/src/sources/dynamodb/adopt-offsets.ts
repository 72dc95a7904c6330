import { MillraceError } from "../../errors/millrace-error.ts";
import type { AttributeValue, Item } from "./api.ts";

/** Where Trustpilot's connector stands with a table, by its offset in Kafka Connect. */
export interface ConnectorOffset {
  readonly table: string;
  readonly initSync: "RUNNING" | "FINISHED";
  /** Milliseconds since 1970. */
  readonly startMs: number;
  readonly endMs: number | null;
  readonly count: number;
  /** Where its Scan goes on; null at the begin. */
  readonly startKey: Item | null;
}

/** An offset as Kafka Connect keeps it. */
interface RawOffset {
  /** Null where the form does not tell. */
  readonly connector: string | null;
  readonly partition: unknown;
  /** Null of one that was taken away. */
  readonly offset: unknown;
}

/** Keeps the last offset of each table; another connector's partitions are passed by. */
export class ConnectorOffsets {
  readonly #connector: string | null;
  readonly #tables = new Map<string, { readonly connector: string | null; offset: unknown }>();

  /** `connector`: only that one's. */
  constructor(connector: string | null) {
    this.#connector = connector;
  }

  /** A record of Connect's offsets topic: `["connector",{"table_name":"orders"}]` and the offset. */
  addRecord(key: string, value: string | null): void {
    const read = jsonOf(key);
    if (!Array.isArray(read)) return;
    const [connector, partition] = read as readonly unknown[];
    const name = typeof connector === "string" ? connector : null;
    this.add({ connector: name, partition, offset: value === null ? null : jsonOf(value) });
  }

  /** @throws MillraceError MR_SOURCE_REFUSED where two connectors have one table. */
  add({ connector, partition, offset }: RawOffset): void {
    const table = textIn(partition, "table_name");
    const isOther = this.#connector !== null && connector !== null && connector !== this.#connector;
    if (table === null || isOther) return;
    const known = this.#tables.get(table);
    if (offset === null) {
      if (known?.connector === connector) this.#tables.delete(table);
      return;
    }
    if (known !== undefined && known.connector !== connector)
      throw new MillraceError(
        "MR_SOURCE_REFUSED",
        `connectors "${known.connector}" and "${connector}" both have offsets of table ${table}`,
        { remedy: "Name the one to adopt by --connector." },
      );
    this.#tables.set(table, { connector, offset });
  }

  /** @throws MillraceError MR_SOURCE_REFUSED where one is none of the connector's. */
  all(): readonly ConnectorOffset[] {
    return [...this.#tables].map(([table, { offset }]) => offsetOf(table, offset));
  }
}

/**
 * Offsets of a file: what `GET /connectors/NAME/offsets` of Connect answers, or lines of a key, a tab and a value, as
 * `kafka-console-consumer --property print.key=true` writes its topic.
 * @throws MillraceError MR_SOURCE_REFUSED
 */
export function offsetsOfText(text: string, connector: string | null): readonly ConnectorOffset[] {
  const offsets = new ConnectorOffsets(connector);
  const whole = jsonOf(text);
  if (whole === undefined) addLines(text, offsets);
  else for (const each of listOf(whole)) addMember(each, offsets);
  return offsets.all();
}

function addLines(text: string, offsets: ConnectorOffsets): void {
  for (const line of text.split("\n").map((each) => each.trim())) {
    const [key = "", value] = line.split("\t");
    if (key === "") continue;
    if (value === undefined || jsonOf(key) === undefined)
      throw refused("the file has a line that is no key, tab and value");
    offsets.addRecord(key, value === "null" ? null : value);
  }
}

function listOf(whole: unknown): readonly unknown[] {
  const list = memberOf(whole, "offsets") ?? whole;
  if (!Array.isArray(list)) throw refused('the file holds no list of "offsets"');
  return list;
}

function addMember(member: unknown, offsets: ConnectorOffsets): void {
  const [partition, offset] = [memberOf(member, "partition"), memberOf(member, "offset")];
  if (partition === undefined || offset === undefined)
    throw refused("the file has an entry without partition and offset");
  offsets.add({ connector: null, partition, offset });
}

function offsetOf(table: string, offset: unknown): ConnectorOffset {
  const state = textIn(offset, "init_sync_state");
  const startMs = numberIn(offset, "init_sync_start");
  if ((state !== "RUNNING" && state !== "FINISHED") || startMs === null)
    throw refused(`the offset of table ${table} does not tell how its INIT_SYNC stands`);
  const key = textIn(offset, "exclusive_start_key");
  return {
    table,
    initSync: state,
    startMs,
    endMs: numberIn(offset, "init_sync_end"),
    count: numberIn(offset, "init_sync_count") ?? 0,
    startKey: key === null ? null : keyOf(table, jsonOf(key)),
  };
}

/** `{"id":{"s":"v1"}}`: the connector has the types in lower case, and keys of texts and numbers. */
function keyOf(table: string, key: unknown): Item {
  const wrong = refused(`the exclusive_start_key of table ${table} is no key`);
  if (typeof key !== "object" || key === null) throw wrong;
  const members = Object.entries(key).map(([name, value]): [string, AttributeValue] => {
    const [S, N] = [textIn(value, "s"), textIn(value, "n")];
    if (S !== null) return [name, { S }];
    if (N !== null) return [name, { N }];
    throw wrong;
  });
  return Object.fromEntries(members);
}

function memberOf(value: unknown, name: string): unknown {
  if (typeof value !== "object" || value === null || !Object.hasOwn(value, name)) return undefined;
  const member: unknown = Reflect.get(value, name);
  return member;
}

function textIn(value: unknown, name: string): string | null {
  const member = memberOf(value, name);
  return typeof member === "string" ? member : null;
}

function numberIn(value: unknown, name: string): number | null {
  const member = memberOf(value, name);
  return typeof member === "number" ? member : null;
}

function jsonOf(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    return value;
  } catch {
    return undefined;
  }
}

function refused(why: string): MillraceError {
  return new MillraceError("MR_SOURCE_REFUSED", `Connect's offsets cannot be read: ${why}`, {
    remedy:
      "Give what GET /connectors/NAME/offsets of Kafka Connect answers, or a dump of its offsets topic with keys, a tab between.",
  });
}
