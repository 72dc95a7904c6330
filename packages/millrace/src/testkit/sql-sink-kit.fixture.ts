import pg from "pg";
import type { LogicalType } from "../model/logical-type.ts";
import type { TargetTable } from "../model/table.ts";
import type { Row, Value } from "../model/value.ts";
import type { SqlSinkInput } from "../sinks/dsql/options.ts";
import { SINKS } from "../sinks/registry.ts";
import type { CuttingProxy } from "./cutting-proxy.fixture.ts";
import type { SinkKit } from "./sink-kit.ts";

/** A database that a SQL sink writes to, and a proxy before it. */
export interface SqlPlace {
  readonly kind: "dsql" | "postgres";
  readonly input: SqlSinkInput;
  readonly proxy: CuttingProxy;
  /** For looking at what has arrived. */
  readonly client: pg.Client;
}

/** The conformance kit's view of a SQL sink. */
export function sqlSinkKit(place: SqlPlace): SinkKit {
  return {
    makeSink: (context) => SINKS[place.kind](place.input, context),
    readTable: (table) => readTable(place.client, table),
    refusedRow: ["1", "value of a refused row", "not a number"],
    async loseAnswer(context, when, work) {
      const sink = SINKS[place.kind]({ ...place.input, port: place.proxy.port }, context);
      await sink.open();
      try {
        await work(sink, () => place.proxy.arm(when));
      } finally {
        await sink.close();
      }
    },
  };
}

/** DSQL lets a session meet a change of the catalogue once, as 40001 (OC001). */
async function readTable(
  client: pg.Client,
  table: TargetTable,
  attempts = 3,
): Promise<readonly Row[]> {
  try {
    return await readOnce(client, table);
  } catch (error) {
    const isConflict = error instanceof pg.DatabaseError && error.code === "40001";
    if (!isConflict || attempts === 1) throw error;
    return readTable(client, table, attempts - 1);
  }
}

async function readOnce(client: pg.Client, table: TargetTable): Promise<readonly Row[]> {
  const columns = table.columns.map(({ name }) => pg.escapeIdentifier(name)).join(", ");
  const target = `${pg.escapeIdentifier(table.schema)}.${pg.escapeIdentifier(table.name)}`;
  const { rows } = await client.query<(string | null)[]>({
    text: `SELECT ${columns} FROM ${target}`,
    rowMode: "array",
    types: { getTypeParser: () => (text: string | Buffer) => String(text) },
  });
  return rows.map((row) =>
    row.map((text, index) => canonical(text, table.columns[index]?.logical ?? { kind: "json" })),
  );
}

/** From PostgreSQL's output to the form of `model/value.ts`. */
function canonical(text: string | null, type: LogicalType): Value {
  if (text === null) return null;
  if (type.kind === "boolean") return text === "t";
  return type.kind === "bytes" ? new Uint8Array(Buffer.from(text.slice(2), "hex")) : text;
}
