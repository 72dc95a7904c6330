/** The switches of a cluster, for tests: as methods here, over HTTP in http.ts. */
import type { Counters } from "./counters.ts";
import type { Delays } from "./delays.ts";
import type { Fault } from "./faults.ts";
import type { Throughput } from "./partitions.ts";
import type { Limits } from "../rules/bounds.ts";
import type { LoggedStatement } from "./statement-log.ts";

/** Switches of a running cluster. */
export interface Control {
  /** Switches a fault on; gives its number. */
  inject(fault: Fault): number;
  /** Switches one fault off, or all. */
  clearFaults(id?: number): void;
  /** Which faults are on, and how often each has struck. */
  faults(): readonly { readonly id: number; readonly fault: Fault; readonly struck: number }[];
  counters(): Readonly<Counters> & { readonly lockWaits: number; readonly openConnections: number };
  /** Moves the cluster away, or near again. */
  setDelays(delays: Delays): void;
  /** Gives each table the bound of a cold partition, or none. */
  setThroughput(throughput: Throughput): void;
  /** The limits as they are. */
  limits(): Readonly<Limits>;
  /** Sets some of them, so that a test reaches them soon; open transactions and new connections are held to them at once. */
  setLimits(limits: Partial<Limits>): void;
  /** Keeps the last statements that clients send from now on, so many at most; none with 0. */
  keepStatements(most: number): void;
  /** What is kept, oldest first. */
  statements(): readonly LoggedStatement[];
  /** Moves the clock of ages, tokens and the one-hour life. */
  shiftClock(milliseconds: number): void;
  /** Cuts every client's connection without a word. */
  cutConnections(): void;
  /** Drops everything that clients made, switches faults off, zeroes counters and clock, keeps no statements; delays and limits are those of the start. */
  reset(): Promise<void>;
}
