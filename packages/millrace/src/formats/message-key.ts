import { ConnectDocuments, type SchemaInFront } from "./connect-documents.ts";
import { JsonObject } from "./json-object.ts";
import { NotJson, type JsonRead } from "./json-reader.ts";
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

/** Reads the keys of a topic, with their schema or without. */
export class KeyReader {
  readonly #documents = new ConnectDocuments();
  #schema: JsonRead = null;
  #named: string | null = null;

  /** The schema in front of the last key. */
  get front(): SchemaInFront {
    return this.#documents.front;
  }

  /** What a key says. */
  read(bytes: Buffer): MessageKey {
    const key = this.#document(bytes);
    if (!(key instanceof JsonObject)) return { members: null, table: null };
    const { schema } = this.#documents;
    if (schema !== this.#schema) {
      this.#schema = schema;
      this.#named = nameIn(schema);
    }
    return withoutTable(key, this.#named);
  }

  #document(bytes: Buffer): JsonRead {
    try {
      return this.#documents.read(bytes);
    } catch (thrown) {
      if (thrown instanceof NotJson) return null;
      throw thrown;
    }
  }
}

function withoutTable(members: Members, named: string | null): MessageKey {
  const whole = { members, table: named };
  const table = members.get(TABLE_ID);
  if (typeof table !== "string" || members.size === 1) return whole;
  const columns = JsonObject.of(members.entries().filter(([name]) => name !== TABLE_ID));
  return { members: columns, table, whole };
}

function nameIn(schema: JsonRead): string | null {
  const name = schema instanceof JsonObject ? schema.get("name") : null;
  if (typeof name !== "string" || !name.endsWith(KEY_SCHEMA)) return null;
  return name.slice(0, -KEY_SCHEMA.length);
}
