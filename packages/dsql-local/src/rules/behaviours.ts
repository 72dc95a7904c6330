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
    what: "Values that a transaction drew (identities, random(), gen_random_uuid()) are those that it commits",
    source: "snapshot isolation",
    fidelity: "close",
    kept: "a transaction that gave its locks up once others of its statements had run behind the draw loses at COMMIT, also where the other one has rolled back",
  },
  {
    what: "COMMIT of a transaction that only read",
    source: "CC, T",
    fidelity: "unknown",
    kept: "passes, whatever others have changed of its tables since: it has nothing that could conflict. Its statements are told OC001 as any others. Whether the service tells it at such a COMMIT too nobody has shown",
  },
  {
    what: "A key that another transaction deleted since the snapshot is still a key",
    source: "snapshot isolation",
    fidelity: "close",
    kept: "looked for, by the places of the rows written, where rows were deleted meanwhile; in tables up to 16 MiB only for statements whose rows cannot be asked for, and at the first deletion from a table in ten minutes while others' statements on it run",
  },
  {
    what: "Sizes are checked for whatever a statement writes",
    source: "Q, T, S",
    fidelity: "close",
    kept: "rows are looked at after statements that may have written much: long parameters and literals, SELECT from a table, functions that make much of little, columns made of other columns. Rows that foreign keys cascade to are looked at where keys hold texts. Not what goes through a view, and tables that the role may not read",
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
    kept: "both, in either order, FOR UPDATE in tables up to 16 MiB; a FOR KEY SHARE that commits first by locks that a session of ours takes before and keeps while an older snapshot is in use, over the rows that its statement finds then",
  },
  {
    what: "Foreign keys lock the parent's key",
    source: "CC, CT",
    fidelity: "close",
    kept: "by PostgreSQL's own key locks, which follow the same matrix, and behind a child's COMMIT, for older snapshots, by the keys that it refers to: against FOR UPDATE and changes of other keys, in tables up to 16 MiB",
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
    kept: "columns and domains of bare char are made bpchar, without spaces behind; bpchar takes 4,096 bytes and varchar 65,535, compressed or not, as they are written, with the text of larger values",
  },
  {
    what: "The catalogue holds what clients made and the service's own",
    source: "PostgreSQL",
    fidelity: "close",
    kept: "pg_proc shows some functions of ours, named _dl_…, and pg_namespace the schemas pg_temp_N and pg_toast_temp_N of sessions that have gone on over private copies. pg_extension is empty. Over a PostgreSQL of yours its own are there too",
  },
  {
    what: "CREATE INDEX ASYNC and ALTER TABLE ASYNC answer a job_id and work in the background",
    source: "E, IX",
    fidelity: "close",
    kept: "by CREATE INDEX CONCURRENTLY after COMMIT; jobs end in milliseconds unless --job-delay says otherwise, with which an index is not valid until its job ends. Under a unique index that failed, a row that shares its key may be refused a change of other columns",
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
    kept: "by PostgreSQL's tags and, where these tell only some, its statistics, which tell the rows that foreign keys cascade to",
  },
  {
    what: "COPY FROM STDIN, as psql's \\copy and drivers send it",
    source: "LD; against GR, which has no COPY",
    fidelity: "unknown",
    kept: "a write like an INSERT of the same rows: rows, sizes, keys, foreign keys and conflicts count, and all of it is one transaction, which LD leaves to the user to cut. Forms, options and texts are PostgreSQL's. What the client sends is gathered, 64 MiB at the most, and written once it has sent all: what is wrong with a row shows then, and nobody waits for a slow client",
  },
  {
    what: "COPY TO STDOUT",
    source: "PROXY, LINT",
    fidelity: "close",
    kept: "as PostgreSQL does it; a write where its query writes or locks",
  },
  {
    what: "COPY of files and programs of the server",
    source: "LD: the server's files are not needed for \\copy",
    fidelity: "unknown",
    kept: "refused as PostgreSQL refuses it to a role that has no rights on its files (42501)",
  },
  {
    what: "A portal that waits for more rows goes on at the next Execute",
    source: "PostgreSQL",
    fidelity: "unknown",
    kept: "as PostgreSQL does it; a write runs whole at its first Execute, and what a read has not told yet is kept here where its transaction is parked, or meets its conflict, meanwhile",
  },
  {
    what: "FOR UPDATE and FOR KEY SHARE with SKIP LOCKED or NOWAIT",
    source: "CC: there are no locks; nobody recorded it",
    fidelity: "unknown",
    kept: "as without these words, since nobody holds a lock: all rows come, at once, and who has taken a row that another takes too loses at COMMIT. In the bodies of functions as PostgreSQL does it, over the locks that it holds here",
  },
  {
    what: "ANALYZE of one table",
    source: "E",
    fidelity: "close",
    kept: "as PostgreSQL does it, over its own statistics",
  },
  {
    what: "ANALYZE without a table",
    source: "nobody recorded it",
    fidelity: "unknown",
    kept: "as PostgreSQL does it, over all tables",
  },
  {
    what: "Functions and operators of geometry and of full text search are refused",
    source: "E",
    fidelity: "close",
    kept: "columns of their types are refused, configurations that are not there (42704), and the functions that make values of geometry; values made by casts, and operators, work, as PostgreSQL has them",
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
    what: 'Names without a schema are found along the search path, "$user" with it',
    source: "PostgreSQL",
    fidelity: "exact",
    kept: "by PostgreSQL's own word, asked anew after each SET, role or DDL: all rules hold for the table that is meant",
  },
  {
    what: "Functions of LANGUAGE sql are under the rules of the statements in them",
    source: "ours",
    fidelity: "unknown",
    kept: "bodies are refused as their statements would be, when the function is made; a SELECT that calls one that writes is a write: rows, sizes, conflicts. Known by the function's name; not when a default or a check calls it",
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
    kept: "SHOW, SHOW ALL, version(), current_setting('…') and pg_settings tell one and the same; what is set for our own sake is told as PostgreSQL's default. Over a PostgreSQL of yours only SHOW",
  },
  {
    what: "Indexes are of the method btree_index, and that of a primary key holds all other columns: pg_get_indexdef, pg_indexes, pg_get_constraintdef, \\d",
    source: "IX, P",
    fidelity: "close",
    kept: "by the definitions that these tell; pg_index and pg_am are PostgreSQL's own. Over a PostgreSQL of yours they tell its own",
  },
  {
    what: "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY makes a session read only",
    source: "P",
    fidelity: "exact",
    kept: "as PostgreSQL does it; levels of isolation in it are refused as those of BEGIN",
  },
  {
    what: "pg_prepared_statements may show more, or other names, than a session has prepared",
    source: "AU",
    fidelity: "close",
    kept: "it shows what the client has prepared, under its names, and nothing of ours; pg_available_extensions is empty (P). Over a PostgreSQL of yours ours show",
  },
  {
    what: "Columns of text are compressed by lz4 (attcompression l)",
    source: "P",
    fidelity: "unknown",
    kept: "SHOW default_toast_compression says so; the embedded PostgreSQL compresses by its own pglz, which attcompression tells",
  },
  {
    what: "One database, postgres; no text search configurations",
    source: "Q, E",
    fidelity: "close",
    kept: "the embedded server has no other database, also no template, and of the configurations only simple, which its own workers need; over a PostgreSQL of yours they are there",
  },
  {
    what: "Some catalogues of PostgreSQL are not applicable: pg_database, pg_extension, pg_enum, pg_language and others",
    source: "systems-tables page",
    fidelity: "unknown",
    kept: "they can all be read, so that psql's \\l and the tools that ask them work; what a cluster answers is not known",
  },
  {
    what: "The functions of the schema sys",
    source: "S",
    fidelity: "unknown",
    kept: "those whose use is known; arguments and results of sys.supported_datatypes, job_err_msg and base_type_oid are guessed; decode_job_*, fetch_seq_data_tuple and get_key_desc are not there",
  },
  {
    what: "EXPLAIN shows scans as storage does them; VERBOSE adds a Query Identifier, with ANALYZE the DPU of the statement",
    source: "guide: EXPLAIN plans, DPUs in EXPLAIN ANALYZE",
    fidelity: "close",
    kept: "in the format text, over PostgreSQL's plan and costs: which scan is chosen, and what is filtered below it, is PostgreSQL's choice",
  },
  {
    what: "DPU are counted by the formula of the price list",
    source: "B; measured by J",
    fidelity: "close",
    kept: "at the control port, over bytes estimated from messages and rows sent; compute is one unit for a second of PostgreSQL's time here",
  },
  {
    what: "A new table takes only so many rows a second until it has split under heat",
    source: "K, M",
    fidelity: "close",
    kept: "only when switched on at the control port (/throughput): a bound on each table that doubles after a time of heat",
  },
  {
    what: "Roles have no passwords: a login is by token",
    source: "ours",
    fidelity: "unknown",
    kept: "CREATE ROLE … PASSWORD is taken, and the password is never asked for; what the service says to it is not known",
  },
  {
    what: "The superuser of the PostgreSQL behind shows",
    source: "ours",
    fidelity: "unknown",
    kept: "the role postgres in pg_roles, and as the owner of databases and of the schema sys; pg_stat_activity has rows of ours and of PostgreSQL's own workers",
  },
  {
    what: "A client that closes its half of the connection gets the answers to what it has sent whole",
    source: "PostgreSQL",
    fidelity: "unknown",
    kept: "as PostgreSQL does it; then the connection ends, and an open block is rolled back",
  },
  {
    what: "Multi-statement pipelines up to one Sync are one transaction",
    source: "PostgreSQL",
    fidelity: "unknown",
    kept: "as PostgreSQL does it",
  },
];
