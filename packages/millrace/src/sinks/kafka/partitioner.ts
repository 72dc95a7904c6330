import { MillraceError } from "../../errors/millrace-error.ts";
import { murmur2, partitionOf } from "../../kafka/murmur2.ts";
import type { MessageRow } from "../../formats/format.ts";
import { RowLine } from "../../model/row-line.ts";
import { LoggedChange } from "../../model/logged-change.ts";
import type { TargetTable } from "../../model/table.ts";
import { type Row, Skimmed, type Value } from "../../model/value.ts";
import type { Partitioning } from "./options.ts";

/** Which partition a message goes to. */
export interface Partitioner {
  /** All messages of the table go to one. */
  readonly isOne: boolean;
  /** By the first bytes of the key (null: it has none), the row, and how many partitions there are. */
  readonly choose: (
    key: Buffer | null,
    keyLength: number,
    row: MessageRow | null,
    partitions: number,
  ) => number;
}

const POSITIVE = 0x7fff_ffff;

/**
 * The partitioner of one table. Messages of one key always come to one partition, or there would be no order (I2).
 * @throws MillraceError MR_SINK_SCHEMA where columns are chosen that are not of the key.
 */
export function partitionerOf(partitioning: Partitioning, table: TargetTable): Partitioner {
  // Rows without key have an order only among all of their table.
  const home = murmur2(Buffer.from(table.id)) & POSITIVE;
  const byTable: Partitioner = {
    isOne: true,
    choose: (_key, _length, _row, partitions) => home % partitions,
  };
  switch (partitioning.kind) {
    case "all-to-zero":
      return { isOne: true, choose: () => 0 };
    case "table":
      return byTable;
    case "hash-by-key":
      return table.keyless ? byTable : byKey(home);
    case "columns":
      return table.keyless ? byTable : byColumns(partitioning.columns, table);
  }
}

function byKey(home: number): Partitioner {
  return {
    isOne: false,
    choose: (key, length, _row, partitions) =>
      key === null ? home % partitions : partitionOf(key, length, partitions),
  };
}

function byColumns(names: readonly string[], table: TargetTable): Partitioner {
  const indexes = names.map((name) =>
    table.key.find((index) => table.columns[index]?.name === name),
  );
  const chosen = indexes.filter((index) => index !== undefined);
  const [missing] = names.filter((_name, at) => indexes[at] === undefined);
  if (missing !== undefined)
    throw new MillraceError(
      "MR_SINK_SCHEMA",
      `partition.strategy names column ${missing}, which is not of the key of ${table.id}: changes of one row would come to several partitions, in no order`,
    );
  return {
    isOne: false,
    choose: (_key, _length, given, partitions) => {
      const row = valuesOf(given);
      const bytes = Buffer.from(
        JSON.stringify(chosen.map((index) => textOf(row?.[index] ?? null))),
      );
      return partitionOf(bytes, bytes.length, partitions);
    },
  };
}

function valuesOf(row: MessageRow | null): Row | null {
  if (row instanceof RowLine) return row.read().after;
  return row instanceof LoggedChange ? (row.after ?? row.before) : row;
}

function textOf(value: Value): string | null {
  if (value === null || value instanceof Skimmed) return null;
  return value instanceof Uint8Array ? Buffer.from(value).toString("hex") : String(value);
}
