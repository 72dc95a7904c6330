import type { TableId } from "../../model/table.ts";

/** What a Kafka sink tells of its transactions. */
export interface KafkaSinkObserver {
  /** A transaction has ended; undecided ones (`unknown`) are decided by the next look. */
  ended(outcome: "committed" | "aborted" | "unknown", tookMs: number): void;
  /** A batch has gone to a broker, bytes before compression. */
  sent(bytes: number): void;
  /** A broker has answered a Produce after `tookMs`, and reads nothing more of this client for `throttledMs` (a quota). */
  produced(tookMs: number, throttledMs: number): void;
  /** The same behind another request, to the broker that coordinates. */
  throttled?(throttledMs: number): void;
  /** A sentence for the operator about a table. */
  notice?(table: TableId, message: string): void;
  /** A sentence for the operator about all of it. */
  warned?(message: string): void;
}

/** Nobody listens. */
export const NO_OBSERVER: KafkaSinkObserver = { ended() {}, sent() {}, produced() {} };
