import { type ComparedTable, compareTable, type Comparison, differing } from "./compare.ts";
import { compareMysqlTable, openMysqlSession } from "./compare-mysql.ts";
import { openSession } from "./sql-session.ts";

/** Compares many tables of a source of any kind with what a target has of them; gives only what differs. */
export async function compareDatabases(
  sourceUrl: string,
  targetUrl: string,
  tables: readonly ComparedTable[],
): Promise<readonly Comparison[]> {
  const isMysql = new URL(sourceUrl).protocol === "mysql:";
  const target = await openSession(targetUrl);
  try {
    return await (isMysql ? withMysql : withPostgres)(sourceUrl, target, tables);
  } finally {
    await target.end();
  }
}

type Comparing = typeof withMysql;

async function withMysql(
  url: string,
  target: Awaited<ReturnType<typeof openSession>>,
  tables: readonly ComparedTable[],
): Promise<readonly Comparison[]> {
  const source = await openMysqlSession(url);
  try {
    return await differing(tables, (table) => compareMysqlTable(source, target, table));
  } finally {
    await source.end();
  }
}

const withPostgres: Comparing = async (url, target, tables) => {
  const source = await openSession(url);
  try {
    return await differing(tables, (table) => compareTable(source, target, table));
  } finally {
    await source.end();
  }
};
