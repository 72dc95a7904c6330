import { Counter } from "prom-client";
import type { Registry } from "prom-client";

/** What a source of DynamoDB's tables tells of its calls. */
export interface DynamoObserver {
  requested(action: string, outcome: string): void;
  readUnits(table: string, units: number): void;
  leftOut(table: string, records: number): void;
}

/** Metrics of calls of AWS, and of what they brought. */
export class DynamoMetrics {
  readonly #requests: Counter;
  readonly #units: Counter;
  readonly #leftOut: Counter;

  constructor(registry: Registry) {
    const registers = [registry];
    this.#requests = new Counter({
      name: "millrace_dynamodb_requests_total",
      help: "Requests to AWS by operation (GetRecords, Scan, …) and outcome: ok, throttled, lost (no answer, or the service's fault), expired-iterator, trimmed, missing, rights, credentials, skew, refused.",
      labelNames: ["pipeline", "operation", "outcome"],
      registers,
    });
    this.#units = new Counter({
      name: "millrace_dynamodb_read_units_total",
      help: "Read capacity units that DynamoDB says INIT_SYNC and reads by key took (a stream's records cost none).",
      labelNames: ["pipeline", "table"],
      registers,
    });
    this.#leftOut = new Counter({
      name: "millrace_dynamodb_records_left_out_total",
      help: "Records of a table's stream that are older than its INIT_SYNC by more than an hour, and were left out.",
      labelNames: ["pipeline", "table"],
      registers,
    });
  }

  observer(pipeline: string): DynamoObserver {
    return {
      requested: (operation, outcome) => this.#requests.inc({ pipeline, operation, outcome }),
      readUnits: (table, units) => this.#units.inc({ pipeline, table }, units),
      leftOut: (table, records) => this.#leftOut.inc({ pipeline, table }, records),
    };
  }
}
