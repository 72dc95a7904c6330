/** The numbers of the service: those that a cluster starts with. */

/** Sizes and counts of §1.1 and §1.2 of the service's quotas, as documented or, where that differs, as observed. */
export const bounds = {
  rowsPerTransaction: 3_000,
  bytesPerTransaction: 10 * 1024 * 1024,
  clusterBytes: 10 * 1024 ** 4,
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
  /** Dropped ones counted. */
  columnsEver: 1_600,
  columnsPerKey: 8,
  indexesPerTable: 24,
  statisticsPerTable: 5,
  statisticsTarget: 100,
  numericPrecision: 1_000,
  schemas: 10,
  tables: 1_000,
  views: 5_000,
  sequences: 5_000,
  /** The text of one view, by our word for the budget behind it: T saw 120 to 524 KiB. */
  viewBytes: 512 * 1024,
  temporaryKilobytes: 131_072,
  /** Fitted to T: 500 rows hold 9.93 MiB without and 9.11 MiB with four secondary indexes on 100-byte keys. */
  bytesPerRowOverhead: 146,
  bytesPerIndexEntryOverhead: 330,
  connections: 10_000,
  connectsPerSecond: 100,
  connectBurst: 1_000,
  connectionLifeMs: 3_600_000,
  tokenMaxSeconds: 604_800,
} as const;

/** Limits that a test may set: no less than 1. */
export const adjustable = [
  "rowsPerTransaction", "bytesPerTransaction", "clusterBytes", "transactionAgeSeconds", "messageBytes", "rowBytes", "valueBytes",
  "keyBytes", "columnsPerKey", "columnsPerTable", "indexesPerTable", "statisticsPerTable", "schemas", "tables",
  "views", "sequences", "connections", "connectsPerSecond", "connectBurst", "connectionLifeMs",
] as const; // prettier-ignore

/** The name of an adjustable limit. */
export type LimitName = (typeof adjustable)[number];

/** Limits of one cluster, as they are now. */
export type Limits = Record<LimitName, number>;

/** The service's own. */
export function serviceLimits(): Limits {
  const { ...limits } = bounds;
  return limits;
}
