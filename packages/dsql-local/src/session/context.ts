/** What all sessions of a cluster share. */
import type { CatalogueVersions } from "../concurrency/catalogue-versions.ts";
import type { Commits } from "../concurrency/commits.ts";
import type { Deletions } from "../concurrency/resurrected-keys.ts";
import type { ReferencedKeys } from "../concurrency/referenced-keys.ts";
import type { KeptShares } from "../concurrency/kept-shares.ts";
import type { LockWaits } from "../concurrency/lock-waits.ts";
import type { Counters } from "../control/counters.ts";
import type { Delays } from "../control/delays.ts";
import type { Faults } from "../control/faults.ts";
import type { Partitions } from "../control/partitions.ts";
import type { StatementLog } from "../control/statement-log.ts";
import type { FunctionRegistry } from "../definitions/function-registry.ts";
import type { Jobs } from "../definitions/jobs.ts";
import type { Gate } from "../gate/gate.ts";
import type { AdminSession } from "../postgres/admin.ts";
import type { Target } from "../postgres/target.ts";
import type { Limits } from "../rules/bounds.ts";
import type { Profile } from "../rules/profile.ts";
import type { TableFactsCache } from "../sizes/table-facts.ts";

/** Shared state of one cluster. */
export interface ClusterContext {
  readonly target: Target;
  readonly admin: AdminSession;
  readonly gate: Gate;
  readonly versions: CatalogueVersions;
  readonly waits: LockWaits;
  readonly shares: KeptShares;
  readonly jobs: Jobs;
  readonly functions: FunctionRegistry;
  readonly facts: TableFactsCache;
  readonly faults: Faults;
  /** Set at the control port. */
  delays: Delays;
  readonly counters: Counters;
  readonly log: StatementLog;
  readonly commits: Commits;
  readonly deletions: Deletions;
  readonly referenced: ReferencedKeys;
  /** Set at the control port. */
  readonly limits: Limits;
  readonly profile: Profile;
  readonly partitions: Partitions;
  /** The clock that ages and tokens go by. */
  nowMs(): number;
}
