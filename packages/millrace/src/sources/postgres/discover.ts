import type { DiscoveredTable, RefusedTable } from "../../model/source.ts";
import { type Column, tableId, type TableShape } from "../../model/table.ts";
import type { Unmatched, UnmatchedPattern } from "../../model/uncaptured.ts";
import {
  type Queryable,
  readEstimates,
  readFacts,
  readRelations,
  type Relation,
  type TableFacts,
} from "./catalogue.ts";
import { readLeaves, unheardLeaf } from "./partitions.ts";
import type { PublishedTable } from "./published.ts";
import { quote } from "./table-plan.ts";

/** What the pipeline's patterns mean in this database. */
export interface Discovery {
  readonly tables: readonly DiscoveredTable[];
  /** Tables that the patterns match and that cannot be captured, with the reason and what would help. */
  readonly refused: readonly RefusedTable[];
  /** Views that the patterns match: their rows come from other tables, so that leaving them out loses nothing. */
  readonly views: readonly RefusedTable[];
  /** Patterns that match nothing of all that there is, asked for where that is wanted. */
  readonly unmatched: () => readonly UnmatchedPattern[];
  /** The relations of `tables`. */
  readonly relations: readonly Relation[];
}

/** What discovery goes by. */
export interface DiscoveryOptions {
  readonly matches: (schema: string, name: string) => boolean;
  /** Patterns that none of these tables matches. */
  readonly unmatched?: Unmatched | undefined;
  readonly partitions: "root" | "leaves";
  /** What the publication, where there is one already, lets through, by oid. */
  readonly published: ReadonlyMap<string, PublishedTable>;
  /** Tables that the publication lacks are added to it. */
  readonly createPublication: boolean;
  readonly publicationName: string;
}

/** Finds the tables that the patterns match now. */
export async function discoverTables(
  client: Queryable,
  options: DiscoveryOptions,
): Promise<Discovery> {
  const all = await readRelations(client);
  const relations = all.filter((relation) => isMeant(relation, options));
  const views = relations.flatMap((relation) => viewOf(relation) ?? []);
  const refused = await refusalsOf(client, relations, options);
  const without = new Set([...views, ...refused].map((table) => table.id));
  const able = relations.filter(({ schema, name }) => !without.has(tableId(schema, name)));
  const oids = able.map((relation) => relation.oid);
  const facts = new Map((await readFacts(client, oids)).map((f) => [f.shape.identity, f]));
  const estimates = await readEstimates(client, oids);
  const tables: DiscoveredTable[] = [];
  for (const relation of able) {
    const found = facts.get(relation.oid);
    if (found === undefined) continue;
    const isPublished = options.published.has(relation.oid);
    const refusal = isPublished ? null : identityRefusal(found);
    if (refusal !== null) {
      refused.push(refusal);
      continue;
    }
    tables.push({
      shape: publishedShape(found.shape, options.published.get(relation.oid)),
      estimatedRows: estimates.get(relation.oid) ?? null,
      notices: noticesOf(relation, found),
    });
  }
  const captured = new Set(tables.map(({ shape }) => shape.identity));
  return {
    tables,
    refused,
    views,
    relations: able.filter(({ oid }) => captured.has(oid)),
    unmatched: () => options.unmatched?.(all) ?? [],
  };
}

function isMeant(
  { schema, name, partition, relkind }: Relation,
  { matches, partitions }: DiscoveryOptions,
): boolean {
  return matches(schema, name) && !isOtherLevel(relkind, partition, partitions);
}

/** Partitions are not tables of their own where their root is captured, and the other way round. */
function isOtherLevel(relkind: string, partition: boolean, level: "root" | "leaves"): boolean {
  return level === "root" ? partition : relkind === "p";
}

const VIEWS: Readonly<Record<string, string>> = {
  m: "it is a materialised view: its refreshes are not in the log",
  v: "it is a view: it has no rows of its own",
};

function viewOf({ schema, name, relkind }: Relation): RefusedTable | null {
  const why = VIEWS[relkind];
  if (why === undefined) return null;
  return { id: tableId(schema, name), why, remedy: "Capture the tables behind it" };
}

function refusalOf(relation: Relation, options: DiscoveryOptions): RefusedTable | null {
  if (VIEWS[relation.relkind] !== undefined) return null;
  const id = tableId(relation.schema, relation.name);
  if (relation.relkind === "f") {
    const why = "it is a foreign table: its rows and their log are on another server";
    return { id, why, remedy: "capture it where its rows are" };
  }
  if (relation.persistence !== "p") {
    return {
      id,
      why: "it is unlogged: its changes are not in the log",
      remedy: `ALTER TABLE ${id} SET LOGGED`,
    };
  }
  if (!options.createPublication && !options.published.has(relation.oid)) {
    return {
      id,
      why: "the publication does not have it",
      remedy: `ALTER PUBLICATION ${quote(options.publicationName)} ADD TABLE ${quote(relation.schema)}.${quote(relation.name)}`,
      afterwards:
        "then write `on-loss: resync` in the source, which loads the table again: what changed while the publication did not have it is in no log",
    };
  }
  return null;
}

async function refusalsOf(
  client: Queryable,
  relations: readonly Relation[],
  options: DiscoveryOptions,
): Promise<RefusedTable[]> {
  const roots = relations.filter(({ relkind }) => relkind === "p").map(({ oid }) => oid);
  const leaves = await readLeaves(client, roots);
  return relations.flatMap(
    (relation) =>
      refusalOf(relation, options) ?? leafRefusal(relation, leaves.get(relation.oid) ?? []) ?? [],
  );
}

/** A partitioned table whose load would have rows of which no change ever comes. */
function leafRefusal(
  { schema, name }: Relation,
  leaves: Parameters<typeof unheardLeaf>[0],
): RefusedTable | null {
  const found = unheardLeaf(leaves);
  if (found === null) return null;
  const { what, leaf } = found;
  const partition = tableId(leaf.schema, leaf.name);
  return {
    id: tableId(schema, name),
    why: `it ${what}: the changes of that are not in the log`,
    remedy:
      leaf.unheard === "unlogged"
        ? `ALTER TABLE ${partition} SET LOGGED`
        : `Detach ${partition}, or write \`partitions: leaves\` in the source, which captures each other partition as a table`,
  };
}

/**
 * A table whose old rows the server cannot log must not get into a publication of ours: from then on the server would
 * refuse the application's every UPDATE and DELETE of it.
 */
export function identityRefusal(facts: TableFacts): RefusedTable | null {
  if (facts.logsDeletes) return null;
  const { id, key } = facts.shape;
  const why =
    key.length === 0
      ? "it has no primary key (or a deferrable one) and its replica identity is not FULL"
      : "its replica identity (or a partition's) is NOTHING";
  return {
    id,
    why: `${why}: once published, the server would refuse every UPDATE and DELETE of it`,
    remedy:
      key.length === 0
        ? `Give it a primary key, or ALTER TABLE ${id} REPLICA IDENTITY FULL`
        : `ALTER TABLE ${id} REPLICA IDENTITY DEFAULT`,
  };
}

/** The shape less the columns that the user's publication leaves out. */
export function publishedShape(
  shape: TableShape,
  published: PublishedTable | undefined,
): TableShape {
  if (published === undefined) return shape;
  const { columns: list, generated } = published;
  const isPublished = (column: Column): boolean =>
    list === null ? generated || column.generated !== true : list.has(column.ordinal ?? 0);
  const kept = shape.columns.flatMap((column, index) => (isPublished(column) ? [index] : []));
  if (kept.length === shape.columns.length) return shape;
  const key = shape.key.map((index) => kept.indexOf(index));
  return {
    ...shape,
    columns: kept.flatMap((index) => shape.columns[index] ?? []),
    key: key.includes(-1) ? [] : key,
  };
}

function noticesOf(relation: Relation, facts: TableFacts): string[] {
  const notices: string[] = [];
  const { shape, identity, leftOut } = facts;
  if (shape.key.length === 0) {
    notices.push(
      "It has no key: it is loaded in one piece, and a restart during the load begins it again.",
    );
  } else if (identity === "f") {
    notices.push(
      "Its replica identity is FULL: every update logs the whole old row, which makes the log about twice as large.",
    );
  } else if (identity === "i") {
    notices.push("Its rows are found by its replica identity index, not by its primary key.");
  } else if (identity === "n" || !facts.logsDeletes) {
    notices.push(
      "Its replica identity is NOTHING: the server refuses updates and deletes of it, only inserts are captured.",
    );
  }
  if (leftOut.length > 0) {
    notices.push(
      `Generated columns that this server's log does not carry are left out: ${leftOut.join(", ")}.`,
    );
  }
  if (relation.hasChildren && relation.relkind === "r") {
    notices.push(
      "Other tables inherit from it: their rows are captured only where the patterns name them.",
    );
  }
  return notices;
}
