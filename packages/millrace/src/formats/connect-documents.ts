import { JsonObject, NamePlace } from "./json-object.ts";
import { isBlank, JsonBytes, JsonDocuments, NotJson, type JsonRead } from "./json-reader.ts";

/** Schemas that are kept, the newest first: tables share topics, and so do their schemas (I10). */
const MAX_SCHEMAS = 16;

/**
 * Reads documents as Kafka Connect's JSON converter writes them: with their schema in front, or without. Hot: a schema that is the
 * same bytes as one of the last is not read again.
 */
export class ConnectDocuments {
  readonly #whole = new JsonDocuments();
  readonly #known: KnownSchema[] = [];
  #schema: JsonRead = null;
  #front: SchemaInFront = null;

  /** The last document's, the same object as long as it is the same; null where it has none. */
  get schema(): JsonRead {
    return this.#schema;
  }

  /** What stood in front of the last document's payload. */
  get front(): SchemaInFront {
    return this.#front;
  }

  /** The payload of a document with a schema, or else all of it. @throws NotJson */
  read(bytes: Buffer): JsonRead {
    const known = this.#knownOf(bytes);
    this.#front = known;
    if (known !== null) {
      this.#schema = known.schema;
      const last = lastOf(bytes);
      const reader = new JsonBytes(bytes, known.prefix.length, last);
      const payload = reader.value(0, known.payload);
      reader.finish();
      if (bytes[last] !== 0x7d) throw new NotJson();
      return payload;
    }
    const whole = this.#whole.read(bytes);
    this.#schema = null;
    if (!(whole instanceof JsonObject)) return whole;
    const [first, second] = whole.keys();
    const payload = whole.get("payload");
    if (first !== "schema" || second !== "payload" || !(payload instanceof JsonObject))
      return whole;
    const schema = whole.get("schema") ?? null;
    this.#schema = schema;
    this.#front = "unknown";
    if (schema !== null && whole.size === 2) this.#keep(schema, prefixOf(bytes));
    return payload;
  }

  #knownOf(bytes: Buffer): KnownSchema | null {
    const [last] = this.#known;
    if (last === undefined || begins(bytes, last.prefix)) return last ?? null;
    const at = this.#known.findIndex(({ prefix }) => begins(bytes, prefix));
    const [found] = at < 0 ? [] : this.#known.splice(at, 1);
    if (found !== undefined) this.#known.unshift(found);
    return found ?? null;
  }

  #keep(schema: JsonRead, prefix: Buffer | null): void {
    if (prefix === null) return;
    this.#front = { prefix, schema, payload: new NamePlace() };
    this.#known.unshift(this.#front);
    if (this.#known.length > MAX_SCHEMAS) this.#known.pop();
  }
}

/** A schema as the bytes that documents begin with; null where there is none, unknown where it is not told by its bytes alone. */
export type SchemaInFront = KnownSchema | null | "unknown";

interface KnownSchema {
  /** Everything up to where the payload begins. */
  readonly prefix: Buffer;
  readonly schema: JsonRead;
  readonly payload: NamePlace;
}

/** Where the last byte stands that is no blank. */
function lastOf(bytes: Buffer): number {
  let at = bytes.length - 1;
  while (isBlank(bytes[at])) at--;
  return at;
}

function begins(bytes: Buffer, prefix: Buffer): boolean {
  const { length } = prefix;
  return bytes.length > length && prefix.compare(bytes, 0, length) === 0;
}

const START = Buffer.from('{"schema":');
const PAYLOAD = Buffer.from(',"payload":');

/** Everything before the payload, where the document is written without blanks; null where nobody can tell. */
function prefixOf(bytes: Buffer): Buffer | null {
  if (!bytes.subarray(0, START.length).equals(START)) return null;
  const reader = new JsonBytes(bytes, START.length, bytes.length);
  reader.value(0, new NamePlace());
  const end = reader.at + PAYLOAD.length;
  return bytes.subarray(reader.at, end).equals(PAYLOAD)
    ? Buffer.from(bytes.subarray(0, end))
    : null;
}
