/** What happened on a cluster since its start or its last reset. */

/** Plain counters; what they count is in their names. */
export interface Counters {
  connections: number;
  connectionsRefused: number;
  statements: number;
  statementsRefused: number;
  /** Transactions of all kinds that ended well, reads of one statement too. */
  transactions: number;
  commits: number;
  rowsWritten: number;
  conflictsOC000: number;
  conflictsOC001: number;
  connectionsCut: number;
  /** Bytes as the service would charge for them. */
  bytesRead: number;
  bytesWritten: number;
  /** Distributed processing units: control/dpu.ts. */
  dpuCompute: number;
  dpuRead: number;
  dpuWrite: number;
}

/** All at zero. */
export function zeroCounters(): Counters {
  return {
    connections: 0, connectionsRefused: 0, statements: 0, statementsRefused: 0, commits: 0,
    rowsWritten: 0, conflictsOC000: 0, conflictsOC001: 0, connectionsCut: 0,
    transactions: 0, bytesRead: 0, bytesWritten: 0, dpuCompute: 0, dpuRead: 0, dpuWrite: 0,
  }; // prettier-ignore
}
