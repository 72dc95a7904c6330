import type { FaultKind } from "./service-fault.ts";

/** What is told of the calls that a pipeline makes, and of what they brought. */
export interface DynamoObserver {
  /** A request was answered, or was not: `action` is the service's own name, such as `GetRecords`. */
  requested(action: string, outcome: "ok" | FaultKind): void;
  /** Read capacity units that DynamoDB says a Scan or a read by key took. */
  readUnits(table: string, units: number): void;
  /** Records that a table's stream had and that are not read: they are older than its load. */
  leftOut(table: string, records: number): void;
}

/** Tells nobody. */
export const deafDynamoObserver: DynamoObserver = {
  requested: () => undefined,
  readUnits: () => undefined,
  leftOut: () => undefined,
};
