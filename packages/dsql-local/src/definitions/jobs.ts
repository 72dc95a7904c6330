/** Asynchronous jobs: index builds and constraint validations, as sys.jobs shows them. */
import { randomBytes } from "node:crypto";
import type { TableKey } from "../concurrency/catalogue-versions.ts";
import { AdminSession, type WaitWatcher } from "../postgres/admin.ts";
import type { Target } from "../postgres/target.ts";
import { literal } from "../postgres/rows.ts";
import { Violation } from "../rules/rule.ts";

/** What a job does. */
export interface JobPlan {
  readonly type: "INDEX_BUILD" | "VALIDATE_CONSTRAINT";
  readonly table: TableKey;
  /** The schema that unqualified names are in. */
  readonly schema: string;
  readonly objectName: string;
  /** Runs outside of a transaction. */
  readonly sql: string;
  /** Builds the same index beside rows that share a key; undefined where the index is not unique. */
  readonly sqlBesideDuplicates: string | undefined;
}

/** What jobs need of the cluster. */
export interface JobsContext {
  readonly target: Target;
  readonly admin: AdminSession;
  readonly waits: WaitWatcher;
  /** How long a job takes at least, as it is now. */
  readonly delayMs: () => number;
  /** The clock that ended jobs are purged by. */
  readonly nowMs: () => number;
  /** The job changed this table's definition. */
  onDone(table: TableKey): void;
}

const PURGE_AFTER = "interval '30 minutes'";
const MAX_ATTEMPTS = 50;
const STEP_MS = 20;
const VISIBLE_WITHIN_MS = 500;
const DUPLICATE = "23505";
const DEADLOCK = "40P01";
const INTERRUPTED = "the job was interrupted";

/** Jobs that ran when PostgreSQL died have failed. */
export const interruptedSql = `UPDATE sys.jobs SET status = 'failed', details = '${INTERRUPTED}', update_time = now()
  WHERE status IN ('submitted', 'processing')`;

/** Runs the jobs of one cluster. */
export class Jobs {
  readonly #context: JobsContext;
  readonly #running = new Set<Promise<void>>();
  #stopped = false;

  constructor(context: JobsContext) {
    this.#context = context;
  }

  /** A new job's name: 16 random bytes in lower-case base32 (source S). */
  newId(): string {
    return base32(randomBytes(16));
  }

  /** Starts a job; resolves when it shows in the catalogue, which is before it is done. */
  async start(jobId: string, plan: JobPlan): Promise<void> {
    const { admin, nowMs } = this.#context;
    await admin.query(
      `DELETE FROM sys.jobs WHERE status IN ('completed', 'failed')
         AND update_time < to_timestamp(${nowMs()} / 1000.0) - ${PURGE_AFTER};
       INSERT INTO sys.jobs VALUES (${literal(jobId)}, 'submitted', '', ${literal(plan.type)}, 1259,
         NULL, ${literal(plan.objectName)}, now(), now())`,
    );
    let visible = (): void => {};
    const shown = new Promise<void>((resolve) => (visible = resolve));
    const work = this.#work(jobId, plan, visible)
      // Its session is gone, or there is none to be had.
      .catch(() => this.#note(jobId, "failed", INTERRUPTED))
      // PostgreSQL itself is gone: see interruptedSql.
      .catch(() => {})
      .finally(() => this.#running.delete(work));
    this.#running.add(work);
    const timer = setTimeout(visible, VISIBLE_WITHIN_MS);
    await shown;
    clearTimeout(timer);
  }

  /** Ends them. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#running);
  }

  async #work(jobId: string, plan: JobPlan, visible: () => void): Promise<void> {
    const session = await AdminSession.open(this.#context.target, this.#context.waits);
    try {
      await this.#note(jobId, "processing", "");
      await session.query(`SET search_path = ${quoted(plan.schema)}`);
      const failure = await this.#attempt(session, plan, visible);
      visible();
      const waits = failure === undefined && plan.type === "INDEX_BUILD" && this.#isDelayed();
      if (waits) await session.query(validitySql(plan, false));
      await this.#pause();
      if (waits) await session.query(validitySql(plan, true));
      await this.#note(jobId, failure === undefined ? "completed" : "failed", failure ?? "");
      const changed = failure === undefined || plan.type === "INDEX_BUILD";
      if (changed) this.#context.onDone(plan.table);
    } finally {
      session.close();
    }
  }

  async #attempt(
    session: AdminSession,
    plan: JobPlan,
    visible: () => void,
  ): Promise<string | undefined> {
    for (let attempt = 1; ; attempt++) {
      try {
        const watching = plan.type === "INDEX_BUILD" ? this.#watch(plan, visible) : undefined;
        await session.query(plan.sql);
        await watching;
        return undefined;
      } catch (error) {
        if (!(error instanceof Violation)) return INTERRUPTED;
        // A DDL that waited for the build was in the way: PostgreSQL chose the build to give up.
        const again = error.report.code === DEADLOCK && attempt < MAX_ATTEMPTS && !this.#stopped;
        if (again) {
          await session.query(`DROP INDEX IF EXISTS ${quoted(plan.objectName)}`);
          continue;
        }
        const { sqlBesideDuplicates } = plan;
        const isDuplicate = error.report.code === DUPLICATE;
        if (isDuplicate && sqlBesideDuplicates !== undefined) {
          await this.#constrain(session, plan, sqlBesideDuplicates);
        }
        return explain(error);
      }
    }
  }

  /**
   * A unique index that failed constrains new rows until it is dropped (source IX, J). What PostgreSQL leaves behind takes
   * no rows. So the index is built over the duplicates, and called unique and not valid afterwards.
   */
  async #constrain(session: AdminSession, plan: JobPlan, sql: string): Promise<void> {
    const plain: JobPlan = { ...plan, sql, sqlBesideDuplicates: undefined };
    await session.query(`DROP INDEX IF EXISTS ${quoted(plan.objectName)}`);
    if ((await this.#attempt(session, plain, () => {})) !== undefined) return;
    const index = `${literal(quoted(plan.objectName))}::regclass`;
    // The table's row is written too, so that sessions read anew what they know of its indexes.
    await session.query(
      `UPDATE pg_index SET indisunique = true, indisvalid = false WHERE indexrelid = ${index};
       UPDATE pg_class SET relhasindex = true
         WHERE oid = (SELECT indrelid FROM pg_index WHERE indexrelid = ${index})`,
    );
  }

  /** The index shows in the catalogue soon after the build began. */
  async #watch(plan: JobPlan, visible: () => void): Promise<void> {
    const name = `${quoted(plan.schema)}.${quoted(plan.objectName)}`;
    for (let elapsedMs = 0; elapsedMs < VISIBLE_WITHIN_MS; elapsedMs += 5) {
      const rows = await this.#context.admin.query(
        `SELECT to_regclass(${literal(name)}) IS NOT NULL`,
      );
      if (rows[0]?.[0] === "t") return visible();
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  async #pause(): Promise<void> {
    for (let waitedMs = 0; this.#isDelayed(waitedMs); waitedMs += STEP_MS) {
      await new Promise((resolve) => setTimeout(resolve, STEP_MS));
    }
  }

  #isDelayed(waitedMs = 0): boolean {
    return waitedMs < this.#context.delayMs() && !this.#stopped;
  }

  async #note(jobId: string, status: string, details: string): Promise<void> {
    await this.#context.admin.query(
      `UPDATE sys.jobs SET status = ${literal(status)}, details = ${literal(details)},
         update_time = now(), object_id = to_regclass(object_name)
       WHERE job_id = ${literal(jobId)} AND status IN ('submitted', 'processing')`,
    );
  }
}

/** An index that its job has not ended for is not valid yet, but constrains (source IX). */
function validitySql({ objectName }: JobPlan, valid: boolean): string {
  return `UPDATE pg_index SET indisvalid = ${valid} WHERE indexrelid = to_regclass(${literal(quoted(objectName))})`;
}

function explain(error: Violation): string {
  return error.report.code === DUPLICATE
    ? "Found duplicate key while validating index for UCVs"
    : error.message;
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

const ALPHABET = "abcdefghijklmnopqrstuvwxyz234567";

/** RFC 4648 base32, lower case, without padding. */
export function base32(bytes: Uint8Array): string {
  let out = "";
  let bits = 0;
  let value = 0;
  for (const byte of bytes) {
    value = (value << 8) | byte;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      out += ALPHABET[(value >>> bits) & 31];
    }
    value &= (1 << bits) - 1;
  }
  if (bits > 0) out += ALPHABET[(value << (5 - bits)) & 31];
  return out;
}
