/** Sizes and counts. */
import type { Rule } from "./rule.ts";

const LIMIT = "54000";
const byCatalogue = "by the catalogue, inside the transaction, right after the DDL ran";
const byWrite = "right after the statement, over the rows that it wrote";

/** The numbers that the rules below and the sessions use. */
export const bounds = {
  rowsPerTransaction: 3_000,
  bytesPerTransaction: 10 * 1024 * 1024,
  transactionAgeSeconds: 300,
  messageBytes: 10 * 1024 * 1024,
  rowBytes: 2 * 1024 * 1024,
  valueBytes: 1_048_576,
  charBytes: 4_096,
  varcharBytes: 65_535,
  declaredKeyBytes: 2_000,
  keyBytes: 1_981,
  keyBytesPerFurtherColumn: 7,
  columnsPerTable: 255,
  columnsPerKey: 8,
  indexesPerTable: 24,
  statisticsPerTable: 5,
  schemas: 10,
  tables: 1_000,
  views: 5_000,
  sequences: 5_000,
  /** Fitted to T: 500 rows hold 9.93 MiB without and 9.11 MiB with four secondary indexes on 100-byte keys. */
  bytesPerRowOverhead: 146,
  bytesPerIndexEntryOverhead: 330,
} as const;

/** Rows keyed by a short name. */
export const limitRules = {
  columnSize: {
    code: LIMIT,
    text: "datatype limit greater than 1048576 bytes not supported for {type}",
    source: "Q, T, S",
    fidelity: "close",
    kept: `${byWrite}: bytea by its bytes, text and json as PostgreSQL stores them compressed`,
  },
  rowSize: {
    code: LIMIT,
    text: "maximum row size exceeded",
    source: "Q",
    fidelity: "close",
    kept: `${byWrite}, as stored`,
  },
  keySize: {
    code: LIMIT,
    text: "key size too large",
    source: "Q, T",
    fidelity: "close",
    kept: `${byWrite}: 1,981 bytes, 7 fewer for each further key column, secondary keys carry the primary key`,
  },
  charSize: {
    code: LIMIT,
    text: "Datatype limit greater than 4096 bytes not supported for char",
    source: "Q, T",
    fidelity: "exact",
    kept: byCatalogue,
  },
  varcharSize: {
    code: LIMIT,
    text: "Datatype limit greater than 65535 bytes not supported for varchar",
    source: "Q, T",
    fidelity: "exact",
    kept: byCatalogue,
  },
  declaredKeySize: {
    code: LIMIT,
    text: "key size greater than 2000 bytes not supported",
    source: "T",
    fidelity: "close",
    kept: `${byCatalogue}: declared char and varchar sizes of a key summed`,
  },
  keyColumns: {
    code: "54011",
    text: "more than 8 column keys in an index are not supported",
    source: "Q, T",
    fidelity: "exact",
    kept: byCatalogue,
  },
  tableColumns: {
    code: "54011",
    text: "tables can have at most 255 columns",
    source: "Q, T",
    fidelity: "close",
    kept: `${byCatalogue}; 256 are let through, as seen by T`,
  },
  tableIndexes: {
    code: LIMIT,
    text: "more than 24 indexes per table are not allowed",
    source: "Q, T",
    fidelity: "exact",
    kept: `${byCatalogue}; the primary key, unique constraints and indexes still building count`,
  },
  tableStatistics: {
    code: LIMIT,
    text: "more than 5 extended statistics per table are not allowed",
    source: "Q, T",
    fidelity: "exact",
    kept: byCatalogue,
  },
  schemas: {
    code: LIMIT,
    text: "more than 10 schemas not allowed",
    source: "Q, T",
    fidelity: "exact",
    kept: `${byCatalogue}; public and sys do not count`,
  },
  tables: {
    code: LIMIT,
    text: "creating more than 1000 tables not allowed",
    source: "Q",
    fidelity: "close",
    kept: byCatalogue,
  },
  views: {
    code: LIMIT,
    text: "creating more than 5000 views not allowed",
    source: "Q",
    fidelity: "close",
    kept: byCatalogue,
  },
  sequences: {
    code: LIMIT,
    text: "creating more than 5000 sequences is not allowed",
    source: "Q",
    fidelity: "close",
    kept: byCatalogue,
  },
} as const satisfies Record<string, Rule>;
