import type { FindingRule, Observed } from "./finding-rule.ts";
import { quote } from "./key-column.ts";
import { readsAll } from "./reading-grants.ts";
import { grantee } from "./reading-rights.ts";

/** A server shows a user only what he has a right on: what a pattern does not find he cannot know of. */
export const HIDDEN_RULES: readonly FindingRule[] = [
  {
    severity: "notice",
    option: "source.tables",
    atStart: true,
    when: (observed) => hiding(observed).length > 0,
    what: (observed) =>
      `User ${observed.server.user} may not read all of ${hiding(observed).map(placeText).join(", ")}, where patterns of source.tables look for tables.`,
    follows: () => "Tables that he may not read are hidden from him, and left out without a word.",
    remedy: (observed) =>
      `${hiding(observed)
        .map((place) => `GRANT SELECT ON ${grantText(place)} TO ${grantee(observed.server.user)};`)
        .join(" ")} Or write each table's name: one that is not found is told then.`,
  },
];

const ALL = null;

/** Databases that patterns look into and that may have more tables than are shown; {@link ALL} for patterns of databases. */
function hiding({ options, server, discovery }: Observed): (string | typeof ALL)[] {
  const items = options.tablesText
    .split(",")
    .map((item) => item.trim())
    .filter((item) => item !== "" && !isName(item));
  const asked = new Set(items.map(databaseOf));
  const found = discovery.tables.map(({ shape }) => shape.schema);
  const looked = asked.has(ALL) ? [...asked, ...found] : [...asked];
  const hidden = [...new Set(looked)].filter((place) =>
    place === ALL ? !server.reads.isGlobal : !readsAll(server.reads, place),
  );
  return hidden.includes(ALL) ? [ALL] : hidden.filter((place) => place !== ALL).toSorted();
}

/** `shop.orders`, in which nothing is a pattern. */
function isName(item: string): boolean {
  return /^[\p{L}\p{N}_$-]+\.[\p{L}\p{N}_$-]+$/u.test(item);
}

function databaseOf(item: string): string | typeof ALL {
  const [, database = ALL] = /^([\p{L}\p{N}_$-]+)\./u.exec(item) ?? [];
  return database;
}

function placeText(place: string | typeof ALL): string {
  return place === ALL ? "the databases" : `${place}.*`;
}

function grantText(place: string | typeof ALL): string {
  return place === ALL ? "*.*" : `${quote(place)}.*`;
}
