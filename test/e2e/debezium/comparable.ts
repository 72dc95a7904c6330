/** A message as it was read, texts of its bytes. */
export interface RecordedMessage {
  readonly topic: string;
  readonly key: string | null;
  readonly value: string | null;
  readonly headers: readonly (readonly [string, string | null])[];
}

/** What differs from run to run. */
const OF_THE_RUN =
  /^(?:ts_(?:ms|us|ns)|version|txId|lsn|xmin|sequence|snapshot|db|server_id|gtid|file|pos|thread)$/;

/** Of the connector's process, on every message since Debezium 3.2 (`extended.headers.enabled`); ours has none. */
const OF_THE_PROCESS = /^__debezium\.context\./;

/** A message with what differs from run to run taken out. */
export function comparable({ key, value, headers }: RecordedMessage): unknown {
  const told = headers.filter(([name]) => !OF_THE_PROCESS.test(name));
  return { key: parsed(key), value: withoutRun(parsed(value)), headers: told };
}

/** The column of which docs/sinks/kafka-formats.md says that it is told otherwise: `money`. */
const TOLD_OTHERWISE = new Set<unknown>(["cash"]);

/** A column (schemas have a text of this name too). Of MySQL, whose log has no blanks to tell: Debezium writes none of a change, and those of the server's own text of a loaded row. */
const DOCUMENT = "doc";

function parsed(text: string | null): unknown {
  if (text === null) return null;
  return JSON.parse(text, (name: string, value: unknown) => {
    if (TOLD_OTHERWISE.has(name)) return undefined;
    if (name === DOCUMENT && typeof value === "string" && value.startsWith("{"))
      return JSON.parse(value) as unknown;
    return Array.isArray(value) ? value.filter((each) => !isToldOtherwise(each)) : value;
  });
}

function isToldOtherwise(field: unknown): boolean {
  const isField = typeof field === "object" && field !== null && "field" in field;
  return isField && TOLD_OTHERWISE.has(field.field);
}

function withoutRun(value: unknown): unknown {
  if (typeof value !== "object" || value === null || !("payload" in value)) return value;
  const payload = value.payload as Record<string, unknown>;
  const source = payload["source"] as Record<string, unknown>;
  return { ...value, payload: { ...fixed(payload), source: fixed(source) } };
}

function fixed(of: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(of).map(([name, value]) => [
      name,
      OF_THE_RUN.test(name) ? null : name === "transaction" ? inTransaction(value) : value,
    ]),
  );
}

function inTransaction(value: unknown): unknown {
  return value === null ? null : { ...(value as object), id: "" };
}
