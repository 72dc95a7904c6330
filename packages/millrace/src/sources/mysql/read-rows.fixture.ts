import { randomUUID } from "node:crypto";
import type { MysqlDatabase } from "../../../../../test/support/mysql.ts";
import type { TableShape } from "../../model/table.ts";
import { tableId } from "../../model/table.ts";
import { Skimmed, type Value } from "../../model/value.ts";
import { openDump } from "./binlog-dump.ts";
import { CONNECTION_DEFAULTS, type MysqlConnectionConfig } from "./config.ts";
import { type EventReader, Framing } from "./event-reader.ts";
import { EventType, type RowEventKind, rowEventKind, type RowOp } from "./event-types.ts";
import type { LoggedChange } from "../../model/logged-change.ts";
import { LoggedImages } from "./logged-images.ts";
import type { LogPosition } from "./position.ts";
import { decodeFormat } from "./log-events.ts";
import { RowDecoder } from "./row-decoder.ts";
import { planRow, type RowPlan, type ValueOptions } from "./row-plan.ts";
import { decodeTableMap, tableIdOf } from "./table-map.ts";
import { logicalType, parseColumnType, type TypeOptions } from "./types.ts";

/** A row of a row event, and whose it is. */
export interface ReadRow {
  readonly table: string;
  readonly kind: RowEventKind;
  readonly op: RowOp;
  readonly before: Value[] | null;
  readonly after: Value[] | null;
  readonly unsure: boolean;
  /** The same as the bytes that they are, where they may be. */
  readonly logged: LoggedChange | null;
}

const PLACE: LogPosition = [{ file: 1, at: 4, era: 0, n: null, hash: null }, 1, 1];
const TRANSACTION = { id: "1", commitTimeMs: 5 };

/** The rows of an event; null where they have to become values. */
function loggedRows(
  images: LoggedImages,
  ...[buffer, kind, plan, start, end]: Parameters<LoggedImages["begin"]>
): (LoggedChange | null)[] | null {
  if (!images.begin(buffer, kind, plan, start, end)) return null;
  const rows: (LoggedChange | null)[] = [];
  while (images.next()) rows.push(images.isUnusual ? null : images.change(PLACE, TRANSACTION, 0));
  return rows;
}

/** How a test's server is reached. */
export function configOf(server: MysqlDatabase): MysqlConnectionConfig {
  const { host, port, user, password } = server;
  return { ...CONNECTION_DEFAULTS, host, port, user, password };
}

/** The shape of a table as the catalogue has it. */
export async function shapeOf(
  server: MysqlDatabase,
  table: string,
  options: TypeOptions,
): Promise<TableShape> {
  const rows = await server.query(
    `SELECT column_name AS name, column_type AS type, character_set_name AS charset, column_key AS k
     FROM information_schema.columns WHERE table_schema = ? AND table_name = ? ORDER BY ordinal_position`,
    [server.database, table],
  );
  const columns = rows.map(({ name, type, charset }) => {
    const sourceType = `${String(type)}${charset === null ? "" : ` character set ${String(charset)}`}`;
    const parsed = parseColumnType(sourceType);
    if (parsed === null) throw new Error(`no type: ${sourceType}`);
    const logical = logicalType(parsed, options);
    return { name: String(name), type: logical, sourceType, nullable: true, ordinal: null };
  });
  const key = rows.flatMap(({ k }, index) => (k === "PRI" ? [index] : []));
  const id = tableId(server.database, table);
  return { id, schema: server.database, name: table, identity: id, columns, key };
}

/** All rows of these tables that the log has between two of its ends. */
export async function readRows(
  server: MysqlDatabase,
  [from, to]: readonly [
    { readonly file: string; readonly position: number },
    { readonly position: number },
  ],
  shapes: ReadonlyMap<string, TableShape>,
  {
    maxValueBytes = 1 << 30,
    zeroDatesAreNull = false,
  }: { maxValueBytes?: number } & Partial<ValueOptions> = {},
): Promise<ReadRow[]> {
  const { connection, reader } = await openDump(configOf(server), {
    start: { fileName: from.file, at: from.position },
    serverId: 3_000_000_000 + Math.floor(Math.random() * 1_000_000_000),
    uuid: randomUUID(),
    heartbeatMs: 1_000,
  });
  const rows: ReadRow[] = [];
  const plans = new Map<number, RowPlan | null>();
  const decoder = new RowDecoder(maxValueBytes);
  const images = new LoggedImages(maxValueBytes);
  try {
    for (;;) {
      const body = await nextBody(reader);
      if (body === null) return rows;
      const { buffer, start, end } = body;
      const kind = rowEventKind(reader.type);
      if (reader.type === EventType.FORMAT_DESCRIPTION)
        reader.hasChecksums = decodeFormat(
          buffer,
          start,
          end,
          end - start + 19 < reader.eventBytes,
        ).hasChecksums;
      else if (reader.type === EventType.TABLE_MAP) {
        const map = decodeTableMap(buffer, start, end, server.flavor);
        const shape = map.schema === server.database ? shapes.get(map.table) : undefined;
        const plan = shape === undefined ? null : planRow(map, shape, { zeroDatesAreNull });
        if (shape !== undefined && plan === null)
          throw new Error(`the table map of ${map.table} does not fit`);
        plans.set(map.tableId, plan);
      } else if (kind !== null) {
        const plan = plans.get(tableIdOf(buffer, start, end)) ?? null;
        if (plan === null) continue;
        const logged = loggedRows(images, buffer, kind, plan, start, end);
        decoder.begin(buffer, kind, plan, start, end);
        while (decoder.next()) {
          const { op, before, after, unsure, index } = decoder;
          const image = logged?.[index] ?? null;
          rows.push({ table: plan.shape.name, kind, op, before, after, unsure, logged: image });
        }
      }
      if (reader.type !== EventType.ROTATE && reader.endsAt === to.position) return rows;
    }
  } finally {
    connection.destroy();
  }
}

async function nextBody(
  reader: EventReader,
): Promise<{ buffer: Buffer; start: number; end: number } | null> {
  for (;;) {
    const framing = reader.advance();
    if (framing === Framing.END) return null;
    if (framing === Framing.EVENT)
      return { buffer: reader.buffer, start: reader.bodyStart, end: reader.bodyEnd };
    if (framing === Framing.MORE) await reader.fill();
    else {
      const pieces: Buffer[] = [];
      while (reader.largeLeft > 0)
        if (reader.piece())
          pieces.push(Buffer.from(reader.buffer.subarray(reader.bodyStart, reader.bodyEnd)));
        else if (reader.largeLeft > 0) await reader.fill();
      const buffer = Buffer.concat(pieces);
      return { buffer, start: 0, end: buffer.length };
    }
  }
}

/** A value as a test's message may show it. */
export function shown(value: Value | undefined): unknown {
  if (value instanceof Uint8Array) return `x${Buffer.from(value).toString("hex")}`;
  if (value instanceof Skimmed) return `skimmed ${value.bytes}`;
  return typeof value === "symbol" ? "UNCHANGED" : value;
}
