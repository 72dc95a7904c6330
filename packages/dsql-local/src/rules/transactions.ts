/** What a transaction may do, and how it ends when it may not. */
import { bounds } from "./bounds.ts";
import type { Rule } from "./rule.ts";

/** Rows keyed by a short name that sessions use. */
export const transactionRules = {
  dataConflict: {
    code: "40001",
    text: "change conflicts with another transaction (OC000)",
    source: "CC, E, S, J",
    fidelity: "exact",
    kept: "at COMMIT, first committer wins; in autocommit at the statement; docs/dsql-local/concurrency.md",
  },
  schemaConflict: {
    code: "40001",
    text: "schema has been updated by another transaction (OC001)",
    source: "CC, T",
    fidelity: "close",
    kept: "once per session at the next statement on a table that another session's DDL changed since this session used it, and at COMMIT when that happens in between",
  },
  youngTable: {
    code: "42P01",
    text: 'relation "{name}" does not exist',
    source: "G",
    fidelity: "close",
    kept: "at a read or write of a table that another session made after this transaction's first statement; PostgreSQL itself would show it without rows. Not at Parse, and not what was renamed or is inside of a function or a view",
  },
  aborted: {
    code: "25P02",
    text: "current transaction is aborted, commands ignored until end of transaction block",
    source: "E",
    fidelity: "exact",
    kept: "after any failure in a block until COMMIT or ROLLBACK; COMMIT then answers ROLLBACK",
  },
  multipleDdl: {
    code: "0A000",
    text: "multiple ddl statements not supported in a transaction",
    source: "E, T",
    fidelity: "exact",
    kept: "at the second DDL of a transaction, GRANT and REVOKE counted, multi-statement strings too",
  },
  ddlWithDml: {
    code: "0A000",
    text: "ddl and dml are not supported in the same transaction",
    source: "E",
    fidelity: "exact",
    kept: "at the statement that mixes, in either order; reads do not count",
  },
  rowLimit: {
    code: "54000",
    text: "transaction row limit exceeded",
    limit: bounds.rowsPerTransaction,
    source: "Q, E, S, J",
    fidelity: "close",
    kept: "at the statement that takes the transaction past 3,000 affected rows; every row that a statement affects counts, and those that foreign keys change with them (CT); secondary index entries do not",
  },
  sizeLimit: {
    code: "54000",
    text: "transaction size limit {limit}mb exceeded",
    detail: "Current transaction size {megabytes}mb > {limit}mb",
    limit: bounds.bytesPerTransaction / 1024 / 1024,
    source: "Q, S, T",
    fidelity: "close",
    kept: "at COMMIT; bytes as stored, plus a cost per row and per index entry fitted to T's two points",
  },
  clusterSize: {
    code: "53100",
    text: "Current cluster size exceeds cluster size limit.",
    limit: bounds.clusterBytes,
    source: "Q",
    fidelity: "unknown",
    kept: "at COMMIT of rows that were inserted or changed, once a test has set the limit lower; by the size of PostgreSQL's database, which deletions do not make smaller. When the service says it is not known",
  },
  ageLimit: {
    code: "54000",
    text: "transaction age limit of {limit}s exceeded",
    detail: "Current transaction age {seconds}s exceeds {limit}s",
    limit: bounds.transactionAgeSeconds,
    source: "Q, S",
    fidelity: "exact",
    kept: "at the next statement or COMMIT more than 300 s after BEGIN",
  },
} as const satisfies Record<string, Rule>;
