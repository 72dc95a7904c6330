import { NotJson, readJson, type JsonRead } from "./json-reader.ts";
import type { Members } from "./read-shape.ts";

/** What a message's key says. */
export interface MessageKey {
  /** Its columns; null where it names none. */
  readonly members: Members | null;
  /** Whose row it is, behind whatever else that name begins with; null where it does not say. */
  readonly table: string | null;
  /** What it says instead where its member `TableId` is a column of its table; absent where there is no such doubt. */
  readonly whole?: MessageKey;
}

/** What the names of Debezium's key schemas end with. */
const KEY_SCHEMA = ".Key";
/** Where several tables share a topic, our keys name theirs. */
export const TABLE_ID = "TableId";

/** Reads a key, with its schema or without. */
export function readKey(bytes: Buffer): MessageKey {
  const key = anyJson(bytes);
  if (!(key instanceof Map)) return { members: null, table: null };
  const members = key as Members;
  const schema = members.get("schema");
  const payload = members.get("payload");
  if (schema === undefined || !(payload instanceof Map)) return withoutTable(members, null);
  return withoutTable(payload as Members, schema);
}

function anyJson(bytes: Buffer): JsonRead {
  try {
    return readJson(bytes);
  } catch (thrown) {
    if (thrown instanceof NotJson) return null;
    throw thrown;
  }
}

function withoutTable(members: Members, schema: JsonRead): MessageKey {
  const whole = { members, table: nameIn(schema) };
  const table = members.get(TABLE_ID);
  if (typeof table !== "string" || members.size === 1) return whole;
  const columns = new Map([...members].filter(([name]) => name !== TABLE_ID));
  return { members: columns, table, whole };
}

function nameIn(schema: JsonRead): string | null {
  const name = schema instanceof Map ? (schema as Members).get("name") : null;
  if (typeof name !== "string" || !name.endsWith(KEY_SCHEMA)) return null;
  return name.slice(0, -KEY_SCHEMA.length);
}
