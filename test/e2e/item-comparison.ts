/** Items of a table beside the documents that a database has of them. */
import type { DynamoDB } from "../../packages/dynamodb-local/src/testing/clients.ts";
import { canonicalItem, itemsOf } from "./item-tables.ts";
import { openSession } from "./sql-session.ts";

const MOST_LINES = 10;

/** What differs, as lines; documents are whole and in DynamoDB's own JSON. */
export async function differentItems(
  dynamodb: DynamoDB,
  { table, url }: { readonly table: string; readonly url: string },
): Promise<readonly string[]> {
  const wanted = (await itemsOf(dynamodb, table)).map(canonicalItem);
  const session = await openSession(url);
  try {
    const { rows } = await session.query<{ document: string }>(
      `SELECT document::text AS document FROM public."${table}"`,
    );
    const found = rows.map(({ document }) => canonicalItem(JSON.parse(document)));
    return [
      ...linesOf(`${table}: not at the sink`, without(wanted, found)),
      ...linesOf(`${table}: not at the source`, without(found, wanted)),
    ];
  } finally {
    await session.end();
  }
}

/** Those of the one that the other does not have as often. */
export function without(some: readonly string[], others: readonly string[]): string[] {
  const left = new Map<string, number>();
  for (const one of others) left.set(one, (left.get(one) ?? 0) + 1);
  return some.filter((one) => {
    const count = left.get(one) ?? 0;
    if (count > 0) left.set(one, count - 1);
    return count === 0;
  });
}

/** The first of some, each behind what it is. */
export function linesOf(what: string, some: readonly string[]): string[] {
  const shown = some.slice(0, MOST_LINES).map((one) => `${what}: ${one}`);
  return some.length > MOST_LINES ? [...shown, `${what}: ${some.length} in all`] : shown;
}
