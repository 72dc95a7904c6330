/** The switches of a stand-in, for tests: the same ones as the control port's. */
import type { Role } from "../sts/roles.ts";
import type { Counters, LoggedCall } from "./counters.ts";
import type { ActiveFault, Fault } from "./faults.ts";

/** Which stream is meant: the one that a table has now. Account and region are the defaults where they are left out. */
export interface StreamChoice {
  readonly table: string;
  /** All open shards when left out. */
  readonly shardId?: string;
  readonly account?: string;
  readonly region?: string;
}

/** A shard as it really is. */
export interface ShardState {
  readonly shardId: string;
  readonly parentShardId: string | null;
  readonly startingSequenceNumber: string;
  readonly endingSequenceNumber: string | null;
  readonly openedAt: string;
  readonly closedAt: string | null;
  readonly records: number;
  readonly trimmedThrough: string | null;
  /** The part of the hash keys, between 0 and 1. */
  readonly from: number;
  readonly to: number;
}

/** What a test can do beside the API of the services. */
export interface Control {
  /** By the adjustable clock. */
  nowMs(): number;
  /** Moves the clock: shards roll over, records are trimmed, iterators and sessions expire. */
  shiftClock(ms: number): void;
  inject(fault: Fault): number;
  faults(): readonly ActiveFault[];
  clearFaults(id?: number): void;
  /** Closes open shards, each with one child; gives the ids of the children. */
  rotate(choice: StreamChoice): readonly string[];
  /** Closes open shards, each with two children; gives the ids of the children. */
  split(choice: StreamChoice): readonly string[];
  /** The shards of a table's stream, oldest first. */
  shards(choice: StreamChoice): readonly ShardState[];
  /** Deletes items whose time is over; gives how many. */
  sweepExpired(): Promise<number>;
  /** Makes a role known, with a trust of its own. */
  putRole(role: Role): void;
  counters(): Counters;
  /** The last thousand calls, oldest first. */
  calls(): readonly LoggedCall[];
  /** Empties everything: tables, streams, faults, roles, sessions, counters; the clock is the machine's again. */
  reset(): void;
}
