import type { Transaction } from "../../model/change.ts";
import type {
  Origin,
  OriginNames,
  OriginValue,
  SourceBlock,
  SourceField,
} from "../../model/source-block.ts";
import { COMMON_FIELDS, commonValue } from "../../model/source-block.ts";
import { logPosition } from "./position.ts";
import { loggedTransaction } from "./transaction-id.ts";

/** What Debezium's connector for PostgreSQL has besides, in its order. */
const FIELDS: readonly SourceField[] = [
  ...COMMON_FIELDS,
  { name: "schema", type: "string", optional: false, varies: "table" },
  { name: "table", type: "string", optional: false, varies: "table" },
  { name: "txId", type: "int64", optional: true, varies: "transaction" },
  { name: "lsn", type: "int64", optional: true, varies: "change" },
  { name: "xmin", type: "int64", optional: true, varies: "never" },
];
const CONNECTOR = "postgresql";
const SEQUENCE = FIELDS.findIndex(({ name }) => name === "sequence");

/**
 * Debezium's `source` for changes of a PostgreSQL log. `sequence` holds the LSN of the change's COMMIT record and its own:
 * it orders changes as Debezium's does, though Debezium has the transaction before in the first place.
 */
export class PostgresSourceBlock implements SourceBlock {
  readonly connector = CONNECTOR;
  readonly schemaName = "io.debezium.connector.postgresql.Source";
  readonly fields = FIELDS;
  readonly serverName: string;
  readonly #facts: OriginNames & { readonly connector: string };
  readonly #database: string;
  #transaction: Transaction | null = null;
  #txId: string | null = null;

  constructor(names: OriginNames, database: string) {
    this.serverName = names.serverName;
    this.#facts = { ...names, connector: CONNECTOR };
    this.#database = database;
  }

  /** See {@link SourceBlock.value}. */
  value(index: number, origin: Origin): OriginValue {
    const name = FIELDS[index]?.name ?? "";
    switch (name) {
      case "db":
        return this.#database;
      case "sequence":
        return sequenceOf(origin);
      case "schema":
        return origin.schema;
      case "table":
        return origin.table;
      case "txId":
        return this.#idOf(origin.transaction);
      case "lsn":
        return origin.position === null ? null : logPosition(origin.position)[1];
      case "xmin":
        return null;
      default:
        return commonValue(name, this.#facts, origin);
    }
  }

  /** See {@link SourceBlock.around}: a transaction's changes have its COMMIT in common. */
  around(index: number, { position }: Origin): readonly [string, string] | null {
    if (index !== SEQUENCE || position === null) return null;
    return [`["${logPosition(position)[0]}","`, `"]`];
  }

  /** See {@link SourceBlock.numberIn}. */
  numberIn(_index: number, { position }: Origin): number {
    return position === null ? 0 : logPosition(position)[1];
  }

  /** See {@link SourceBlock.transactionId}. Debezium's has the LSN of the event in the second place; this one stays. */
  transactionId({ id }: Transaction): string {
    const { xid, commitLsn } = loggedTransaction(id);
    return commitLsn === null ? String(xid) : `${xid}:${commitLsn}`;
  }

  #idOf(transaction: Transaction | null): string | null {
    if (transaction !== this.#transaction) {
      this.#transaction = transaction;
      this.#txId = transaction === null ? null : String(loggedTransaction(transaction.id).xid);
    }
    return this.#txId;
  }
}

function sequenceOf({ position }: Origin): string | null {
  if (position === null) return null;
  const [commitLsn, lsn] = logPosition(position);
  return `["${commitLsn}","${lsn}"]`;
}
