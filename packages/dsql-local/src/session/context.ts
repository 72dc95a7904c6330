/** What all sessions of a cluster share. */
import type { CatalogueVersions } from "../concurrency/catalogue-versions.ts";
import type { LockWaits } from "../concurrency/lock-waits.ts";
import type { Gate } from "../gate/gate.ts";
import type { Target } from "../postgres/connect.ts";

/** Shared state of one cluster. */
export interface ClusterContext {
  readonly target: Target;
  readonly gate: Gate;
  readonly versions: CatalogueVersions;
  readonly waits: LockWaits;
  /** Transactions that committed writes since the start. */
  commits: number;
  /** The clock that ages and tokens go by. */
  nowMs(): number;
}
