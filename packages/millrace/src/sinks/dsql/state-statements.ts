import { quoteName } from "./identifiers.ts";
import type { Statement } from "./statement.ts";
import { statement } from "./statement.ts";

/** Version of the state tables; raised with a migration when their shape changes. */
export const STATE_VERSION = 1;

/** Everything that is said to the state tables. One object per state schema. */
export interface StateStatements {
  readonly schema: string;
  /** Statements that make the tables, by table name, each a transaction of its own. */
  readonly tables: readonly { readonly name: string; readonly ddl: string }[];
  readonly lane: Statement;
  readonly lanes: Statement;
  readonly putState: Statement;
  readonly deleteState: Statement;
  readonly putDeadLetters: Statement;
  readonly deleteSuperseded: Statement;
  readonly maxFence: string;
  readonly raiseFence: string;
  readonly addLanes: string;
  readonly readHolder: string;
  readonly putHolder: string;
  readonly readLanes: string;
  readonly readState: string;
  /** Every task that a pipeline has had. */
  readonly readTasks: string;
  /** What they keep under keys that begin with the second parameter. */
  readonly readDocuments: string;
  readonly readDeadLetters: string;
  readonly readLetterIds: string;
  readonly deleteLetters: string;
  readonly readOwners: string;
  readonly putOwners: string;
  readonly deleteOwners: string;
  readonly putVersion: string;
  readonly readVersion: string;
}

/** Builds the statements for the schema that holds the state. */
export function stateStatements(schemaName: string): StateStatements {
  const schema = quoteName(schemaName);
  return {
    schema: schemaName,
    tables: tables(schema),
    ...commitStatements(schema),
    ...takeoverStatements(schema),
    ...ownerStatements(schema),
    putVersion: `INSERT INTO ${schema}.version (name, version) VALUES ('state', $1) ON CONFLICT (name) DO NOTHING`,
    readVersion: `SELECT version FROM ${schema}.version WHERE name = 'state'`,
  };
}

/**
 * The CHECK is the fence: every commit writes what it believes (`writer`, `expected`) into the lane row without asking
 * in WHERE, and the server fails it where that is not so (I5, I6). `state.seq` is read back from the lane row, so that
 * a lane row that is gone violates NOT NULL.
 */
function tables(schema: string): StateStatements["tables"] {
  return [
    { name: "version", ddl: `${schema}.version (name text PRIMARY KEY, version integer NOT NULL)` },
    {
      name: "lane",
      ddl: `${schema}.lane (pipeline text NOT NULL, task text NOT NULL, lane integer NOT NULL,
 fence bigint NOT NULL, seq bigint NOT NULL, writer bigint NOT NULL, expected bigint NOT NULL,
 CONSTRAINT lane_fence CHECK (writer = fence AND expected = seq - 1), PRIMARY KEY (pipeline, task, lane))`,
    },
    {
      name: "state",
      ddl: `${schema}.state (pipeline text NOT NULL, task text NOT NULL, key text NOT NULL,
 value text NOT NULL, seq bigint NOT NULL, PRIMARY KEY (pipeline, task, key))`,
    },
    {
      name: "dead_letter",
      ddl: `${schema}.dead_letter (pipeline text NOT NULL, task text NOT NULL, id text NOT NULL, target text NOT NULL,
 key text NOT NULL, letter text NOT NULL, PRIMARY KEY (pipeline, task, id))`,
    },
    {
      name: "owner",
      ddl: `${schema}.owner (target text PRIMARY KEY, pipelines text NOT NULL, shared boolean NOT NULL)`,
    },
  ];
}

function commitStatements(schema: string) {
  const set = "writer=$3::bigint, seq=t.seq+1";
  return {
    lane: statement(
      `UPDATE ${schema}.lane AS t SET ${set}, expected=$5::bigint WHERE pipeline=$1 AND task=$2 AND lane=$4::integer`,
    ),
    lanes: statement(
      `UPDATE ${schema}.lane AS t SET ${set}, expected=u.seq FROM unnest($4::integer[],$5::bigint[]) AS u(lane,seq)` +
        ` WHERE t.pipeline=$1 AND t.task=$2 AND t.lane=u.lane`,
    ),
    putState: statement(
      `INSERT INTO ${schema}.state (pipeline,task,key,value,seq) SELECT $1,$2,u.key,u.value,` +
        `(SELECT CASE WHEN count(*)=$4::bigint THEN max(l.seq) END FROM ${schema}.lane AS l` +
        ` WHERE l.pipeline=$1 AND l.task=$2 AND l.lane=ANY($3::integer[]))` +
        ` FROM unnest($5::text[],$6::text[]) AS u(key,value)` +
        ` ON CONFLICT (pipeline,task,key) DO UPDATE SET value=EXCLUDED.value, seq=EXCLUDED.seq`,
    ),
    deleteState: statement(
      `DELETE FROM ${schema}.state WHERE pipeline=$1 AND task=$2 AND key=ANY($3::text[])`,
    ),
    putDeadLetters: statement(
      `INSERT INTO ${schema}.dead_letter (pipeline,task,id,target,key,letter) SELECT $1,$2,u.id,u.target,u.key,u.letter` +
        ` FROM unnest($3::text[],$4::text[],$5::text[],$6::text[]) AS u(id,target,key,letter)` +
        ` ON CONFLICT (pipeline,task,id) DO UPDATE SET target=EXCLUDED.target, key=EXCLUDED.key, letter=EXCLUDED.letter`,
    ),
    deleteSuperseded: statement(
      `DELETE FROM ${schema}.dead_letter AS d USING unnest($3::text[],$4::text[]) AS u(target,key)` +
        ` WHERE d.pipeline=$1 AND d.task=$2 AND d.target=u.target AND d.key=u.key`,
    ),
  };
}

function ownerStatements(schema: string) {
  return {
    readOwners: `SELECT target, pipelines, shared FROM ${schema}.owner`,
    putOwners:
      `INSERT INTO ${schema}.owner (target,pipelines,shared) SELECT u.target,u.pipelines,u.shared` +
      ` FROM unnest($1::text[],$2::text[],$3::boolean[]) AS u(target,pipelines,shared)` +
      ` ON CONFLICT (target) DO UPDATE SET pipelines=EXCLUDED.pipelines, shared=EXCLUDED.shared`,
    deleteOwners: `DELETE FROM ${schema}.owner WHERE target=ANY($1::text[])`,
  };
}

function takeoverStatements(schema: string) {
  const mine = "pipeline=$1 AND task=$2";
  return {
    maxFence: `SELECT max(fence) FROM ${schema}.lane WHERE ${mine}`,
    raiseFence: `UPDATE ${schema}.lane SET fence=$3::bigint, writer=$3::bigint, expected=seq-1 WHERE ${mine}`,
    addLanes:
      `INSERT INTO ${schema}.lane (pipeline,task,lane,fence,seq,writer,expected)` +
      ` SELECT $1,$2,n,$3::bigint,0,$3::bigint,-1 FROM unnest($4::integer[]) AS u(n) WHERE NOT EXISTS` +
      ` (SELECT 1 FROM ${schema}.lane AS l WHERE l.pipeline=$1 AND l.task=$2 AND l.lane=u.n)`,
    readHolder: `SELECT value FROM ${schema}.state WHERE ${mine} AND key=$3`,
    putHolder:
      `INSERT INTO ${schema}.state (pipeline,task,key,value,seq) VALUES ($1,$2,$3,$4,0)` +
      ` ON CONFLICT (pipeline,task,key) DO UPDATE SET value=EXCLUDED.value`,
    readLanes: `SELECT lane, fence, seq FROM ${schema}.lane WHERE ${mine} ORDER BY lane`,
    readState: `SELECT key, value FROM ${schema}.state WHERE ${mine}`,
    readTasks: `SELECT DISTINCT task FROM ${schema}.lane WHERE pipeline=$1`,
    readDocuments: `SELECT task, key, value FROM ${schema}.state WHERE pipeline=$1 AND starts_with(key, $2)`,
    readDeadLetters: `SELECT letter FROM ${schema}.dead_letter WHERE ${mine} ORDER BY id`,
    readLetterIds: `SELECT id FROM ${schema}.dead_letter WHERE ${mine}`,
    deleteLetters: `DELETE FROM ${schema}.dead_letter WHERE ${mine} AND id=ANY($3::text[])`,
  };
}
