import type {
  Origin,
  OriginNames,
  OriginValue,
  SourceBlock,
  SourceField,
  ToldTable,
} from "../../model/source-block.ts";
import type { Transaction } from "../../model/change.ts";
import { COMMON_FIELDS, commonValue } from "../../model/source-block.ts";
import type { TableShape } from "../../model/table.ts";
import { logPosition } from "./position.ts";
import { toldTable } from "./told-table.ts";

/** What Debezium's connectors for MySQL and MariaDB have besides, in their order. */
const FIELDS: readonly SourceField[] = [
  // There is none here: a binlog's places are in `file`, `pos` and `row`.
  ...COMMON_FIELDS.map((field) =>
    field.name === "sequence" ? ({ ...field, varies: "never" } as const) : field,
  ),
  { name: "table", type: "string", optional: true, varies: "table" },
  { name: "server_id", type: "int64", optional: false, varies: "never" },
  { name: "gtid", type: "string", optional: true, varies: "transaction" },
  { name: "file", type: "string", optional: false, varies: "transaction" },
  { name: "pos", type: "int64", optional: false, varies: "transaction" },
  { name: "row", type: "int32", optional: false, varies: "change" },
  { name: "thread", type: "int64", optional: true, varies: "never" },
  { name: "query", type: "string", optional: true, varies: "never" },
];
const ROW = FIELDS.findIndex(({ name }) => name === "row");
const ROW_SLOTS = 4;
const FILE_DIGITS = 6;
/** Of a transaction without a GTID. */
const PLACE = /^(\d+):(\d+)$/;

/** What the source learns of its server when it has been reached. */
export interface BlockServer {
  readonly connector: "mysql" | "mariadb";
  /** Binlog files' names before their number; null while it is not known. */
  readonly logName: string | null;
  readonly serverId: number;
}

/**
 * Debezium's `source` for changes of a binlog. `pos` is where the transaction begins, and `row` the place within its row
 * event: of events only their number is kept. `thread` and `query` are not.
 */
export class MysqlSourceBlock implements SourceBlock {
  readonly fields = FIELDS;
  readonly serverName: string;
  readonly #names: OriginNames;
  readonly #server: () => BlockServer;

  /** `server` is asked when messages are made, which is after the server was reached. */
  constructor(names: OriginNames, server: () => BlockServer) {
    this.serverName = names.serverName;
    this.#names = names;
    this.#server = server;
  }

  get connector(): "mysql" | "mariadb" {
    return this.#server().connector;
  }

  get schemaName(): string {
    return `io.debezium.connector.${this.connector}.Source`;
  }

  /** See {@link SourceBlock.value}. */
  value(index: number, origin: Origin): OriginValue {
    // Per change.
    if (index === ROW) return rowOf(origin);
    const name = FIELDS[index]?.name ?? "";
    switch (name) {
      case "db":
        return origin.schema;
      case "table":
        return origin.table;
      case "server_id":
        return this.#server().serverId;
      case "sequence":
      case "thread":
      case "query":
        return null;
      case "gtid":
      case "file":
      case "pos":
        return this.#placeValue(name, origin);
      default:
        return commonValue(name, { ...this.#names, connector: this.connector }, origin);
    }
  }

  /** See {@link SourceBlock.transactionId}: its GTID, or where it begins. */
  transactionId({ id }: Transaction): string {
    const behindGtid = id.indexOf("@");
    if (behindGtid !== -1) return id.slice(0, behindGtid);
    const [, file, at] = PLACE.exec(id) ?? [];
    return file === undefined ? id : `file=${this.#fileName(Number(file))},pos=${at}`;
  }

  /** See {@link SourceBlock.tableOf}. */
  tableOf(shape: TableShape): ToldTable {
    return toldTable(shape);
  }

  #placeValue(name: "gtid" | "file" | "pos", { position }: Origin): OriginValue {
    if (position === null) return name === "gtid" ? null : name === "file" ? "" : 0;
    const [group] = logPosition(position);
    if (name === "gtid") return group.gtid ?? null;
    if (name === "pos") return group.at;
    return this.#fileName(group.file);
  }

  #fileName(file: number): string {
    const logName = this.#server().logName ?? "binlog";
    return `${logName}.${String(file).padStart(FILE_DIGITS, "0")}`;
  }
}

function rowOf({ position }: Origin): number {
  return position === null ? 0 : Math.floor(logPosition(position)[2] / ROW_SLOTS);
}
