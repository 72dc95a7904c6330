/** What happened on a cluster since its start or its last reset. */

/** Plain counters; what they count is in their names. */
export interface Counters {
  connections: number;
  connectionsRefused: number;
  statements: number;
  statementsRefused: number;
  commits: number;
  rowsWritten: number;
  conflictsOC000: number;
  conflictsOC001: number;
  connectionsCut: number;
}

/** All at zero. */
export function zeroCounters(): Counters {
  return {
    connections: 0, connectionsRefused: 0, statements: 0, statementsRefused: 0, commits: 0,
    rowsWritten: 0, conflictsOC000: 0, conflictsOC001: 0, connectionsCut: 0,
  }; // prettier-ignore
}
