/** The switches of a cluster, for tests: as methods here, over HTTP in http.ts. */
import type { Counters } from "./counters.ts";
import type { Delays } from "./delays.ts";
import type { Fault } from "./faults.ts";

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
  /** Moves the clock of ages, tokens and the one-hour life. */
  shiftClock(milliseconds: number): void;
  /** Cuts every client's connection without a word. */
  cutConnections(): void;
  /** Drops everything that clients made, switches faults off, zeroes counters and clock; delays are those of the start. */
  reset(): Promise<void>;
}
