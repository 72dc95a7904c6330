/** What Aurora DSQL does that is no refusal, and how near the emulator comes: the rest of the fidelity page. */
import type { Rule } from "./rule.ts";

/** One behaviour. */
export interface Behaviour {
  readonly what: string;
  readonly source: string;
  readonly fidelity: Rule["fidelity"];
  readonly kept: string;
}

/** All of them, in the order of the page. */
export const behaviours: readonly Behaviour[] = [
  {
    what: "A transaction's snapshot is taken at its first statement",
    source: "AWS database blog, transaction processing",
    fidelity: "close",
    kept: "as PostgreSQL does it; whether a BEGIN alone takes it is not known",
  },
  {
    what: "No statement waits for another transaction, and there is no deadlock",
    source: "CC",
    fidelity: "close",
    kept: "whoever holds the lock gives it up a few milliseconds later; a statement that is still running is waited for",
  },
  {
    what: "Statements after a conflict go on over the snapshot and only COMMIT fails",
    source: "E, Brooker's Hermitage run",
    fidelity: "close",
    kept: "over private copies of the tables, for tables up to 64 MiB; beyond that the conflict shows at the statement",
  },
  {
    what: "A key that another transaction deleted since the snapshot is still a key",
    source: "snapshot isolation",
    fidelity: "close",
    kept: "looked for where rows were deleted meanwhile, in tables up to 16 MiB",
  },
  {
    what: "A transaction of several overlapping rows may lose on both sides",
    source: "E",
    fidelity: "close",
    kept: "exactly one side wins here",
  },
  {
    what: "FOR UPDATE and FOR KEY SHARE conflict at COMMIT with writes that others committed",
    source: "CC, E",
    fidelity: "close",
    kept: "both, in either order, FOR UPDATE in tables up to 16 MiB; a FOR KEY SHARE that commits first leaves no mark",
  },
  {
    what: "Foreign keys lock the parent's key",
    source: "CC, CT",
    fidelity: "close",
    kept: "by PostgreSQL's own key locks, which follow the same matrix",
  },
  {
    what: "Bare numeric columns are numeric(18,6)",
    source: "DT",
    fidelity: "exact",
    kept: "columns and domains are rewritten, casts are not",
  },
  {
    what: "char and varchar without a length take the largest one",
    source: "DT",
    fidelity: "unknown",
    kept: "left as PostgreSQL has them: char is char(1), varchar is unbounded up to the value limit",
  },
  {
    what: "CREATE INDEX ASYNC and ALTER TABLE ASYNC answer a job_id and work in the background",
    source: "E, IX",
    fidelity: "close",
    kept: "by CREATE INDEX CONCURRENTLY after COMMIT; jobs end in milliseconds unless jobDelayMs says otherwise",
  },
  {
    what: "sys.jobs and CALL sys.wait_for_job",
    source: "E, IX",
    fidelity: "exact",
    kept: "columns, statuses, texts and the procedure; finished jobs older than 30 minutes go when a new one starts",
  },
  {
    what: "A message over 10 MiB closes the connection without an error",
    source: "T",
    fidelity: "exact",
    kept: "by the length in its header",
  },
  {
    what: "A connection is closed without a word after one hour",
    source: "Q",
    fidelity: "close",
    kept: "checked every second by the cluster's clock; a running transaction gets up to five minutes more",
  },
  {
    what: "Rows are counted as each statement affects them, data-modifying WITH included",
    source: "E, T",
    fidelity: "close",
    kept: "by PostgreSQL's tags and, where these tell only some, its statistics",
  },
  {
    what: "Token checked only when the connection opens",
    source: "AU",
    fidelity: "exact",
    kept: "a session outlives its token",
  },
  {
    what: "Custom roles need AWS IAM GRANT",
    source: "AU, S",
    fidelity: "close",
    kept: "any mapping of the role lets its tokens in: the caller's ARN cannot be known here",
  },
  {
    what: "Server-side cancel does nothing",
    source: "G",
    fidelity: "close",
    kept: "cancel requests are taken and ignored",
  },
  {
    what: "Versions, settings and database as DSQL shows them",
    source: "E, G",
    fidelity: "close",
    kept: "SHOW and version(); current_setting('server_version') still tells PostgreSQL's own",
  },
  {
    what: "pg_database and some other catalogues are absent",
    source: "systems-tables page",
    fidelity: "unknown",
    kept: "they are all there",
  },
  {
    what: "Multi-statement pipelines up to one Sync are one transaction",
    source: "PostgreSQL",
    fidelity: "unknown",
    kept: "as PostgreSQL does it",
  },
  {
    what: "Query memory of 128 MiB, storage of 10 TiB, view text, expression depth",
    source: "Q, T",
    fidelity: "unknown",
    kept: "not bounded beyond what PostgreSQL does",
  },
];
