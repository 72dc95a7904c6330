/** How far away the cluster is: what every statement and every COMMIT takes besides its work. */
export interface Delays {
  /** Before each statement but COMMIT and ROLLBACK; one after the other where a client pipelines them. */
  readonly statementMs: number;
  /** Before each COMMIT of a transaction that wrote, also of a single statement. */
  readonly commitMs: number;
  /** How long an asynchronous job takes at least; 0 when left out. */
  readonly jobMs?: number;
}

/** Waits by a timer: other connections go on meanwhile. */
export function delay(delayMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, delayMs));
}
