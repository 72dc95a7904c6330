import { createHash, timingSafeEqual } from "node:crypto";
import type { TransactionId } from "../../model/position.ts";
import type { Queryable } from "./catalogue.ts";
import { DDL_SCHEMA, DDL_SECRET } from "./ddl-trigger-sql.ts";
import { loggedTransaction } from "./transaction-id.ts";

/** The key that messages about schema changes are sealed with, as this role may see it. */
export interface Seal {
  /** Null where there is none, or the role may not read it. */
  readonly key: string | null;
  /** How many transactions ago it was made. */
  readonly age: number;
}

const READABLE_SQL = `
SELECT pg_catalog.has_schema_privilege(n.oid, 'USAGE') AND pg_catalog.has_table_privilege(c.oid, 'SELECT') AS readable
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind = 'r'`;

/** Reads the key. */
export async function readSeal(client: Queryable): Promise<Seal> {
  const { rows } = await client.query<{ readable: boolean }>(READABLE_SQL, [
    DDL_SCHEMA,
    DDL_SECRET,
  ]);
  if (rows[0]?.readable !== true) return { key: null, age: 0 };
  const { rows: seals } = await client.query<Seal>(
    `SELECT s.key, pg_catalog.age(s.xmin) AS age FROM ${DDL_SCHEMA}.${DDL_SECRET} s`,
  );
  const [seal, ...more] = seals;
  return seal === undefined || more.length > 0 ? { key: null, age: 0 } : seal;
}

/**
 * The document of a sealed text; null where the seal is not of this key and of the `transaction` that the text stands in:
 * any role may write messages, and who may read the log could send an old one again.
 */
export function unsealed(
  text: Buffer,
  key: string | null,
  transaction: TransactionId,
): string | null {
  const at = text.lastIndexOf("\n");
  if (key === null || at < 0) return null;
  const document = text.subarray(0, at);
  const seal = text.subarray(at + 1);
  const begin = Buffer.from(`${loggedTransaction(transaction).xid}\n`);
  const expected = Buffer.from(digest(key, digest(key, Buffer.concat([begin, document]))));
  return seal.length === expected.length && timingSafeEqual(seal, expected)
    ? document.toString("utf8")
    : null;
}

/** Whether a text looks as one with a seal does, of whatever key. */
export function isSealed(text: Buffer): boolean {
  return /^[0-9a-f]{64}$/.test(text.toString("latin1", text.lastIndexOf("\n") + 1));
}

/** Twice, so that nobody can go on from a digest that he has seen. */
function digest(key: string, content: string | Buffer): string {
  return createHash("sha256").update(key).update(content).digest("hex");
}
