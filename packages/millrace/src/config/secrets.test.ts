/** What is wrong with a file is told without what it keeps secret. */
import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { parse } from "./pipeline-file.fixture.ts";
import { ConfigError } from "./problem.ts";

const MARK = "GEHEIM";

const FILE = `source:
  type: postgres
  hostname: db.internal
  username: millrace
  password: ${MARK}-1
  tables: shop.public.orders
sink:
  type: postgres
  host: target.internal
  database: shop
  username: writer
  password: ${MARK}-2
pipeline:
  name: shop
`;

/** Files that are wrong near a secret, or have one where none belongs. */
const WRONG: readonly (readonly [string, string])[] = [
  ["a quote that is not closed", FILE.replace(`${MARK}-1`, `"${MARK}-1`)],
  ["a colon too many", FILE.replace(`password: ${MARK}-1`, `password: ${MARK}: ${MARK}`)],
  ["a list", FILE.replace(`${MARK}-1`, `[${MARK}, x]`)],
  ["a map", FILE.replace(`${MARK}-1`, `{${MARK}: x}`)],
  ["an anchor", FILE.replace(`${MARK}-1`, `*${MARK}`)],
  ["a tag", FILE.replace(`${MARK}-1`, `!!int ${MARK}`)],
  ["an indent", FILE.replace(`  password: ${MARK}-1`, ` password: ${MARK}-1`)],
  [
    "a secret that stands twice",
    FILE.replace(`  password: ${MARK}-1`, `  password: ${MARK}-1\n  password: ${MARK}-3`),
  ],
  [
    "an address with a password as host",
    FILE.replace("db.internal", `postgres://millrace:${MARK}@db.internal/shop`),
  ],
  ["a misspelt option", FILE.replace("  password: GEHEIM-1", `  pasword: ${MARK}-1`)],
  ["a reference that is not there", FILE.replace(`${MARK}-1`, "${env:NOT_THERE}")],
  ["a reference of an unknown kind", FILE.replace(`${MARK}-1`, `\${vault:${MARK}}`)],
  [
    "a secret beside IAM",
    FILE.replace(`  password: ${MARK}-1`, `  password: ${MARK}-1\n  use-iam-auth: true`),
  ],
  [
    "a key that is a map",
    `${FILE}transform:\n  - source-table: public.orders\n    hash-columns: [a]\n    hash-key: {${MARK}: x}\n`,
  ],
];

describe("problems of a file", () => {
  it.each(WRONG)("say nothing secret where there is %s", (name, text) => {
    let found: unknown = null;
    try {
      parse(text);
    } catch (error) {
      found = error;
    }
    expect(found).toBeInstanceOf(ConfigError);
    const said = [String(found), inspect(found, { depth: 9 }), JSON.stringify(found)].join("\n");
    expect([name, said.match(/.{0,60}GEHEIM.{0,60}/g)]).toEqual([name, null]);
  });

  it("and a file that is right shows no secret either, however it is printed", () => {
    const config = parse(FILE);
    expect(inspect(config, { depth: 9, showHidden: true })).not.toContain(MARK);
    expect(JSON.stringify(config)).not.toContain(MARK);
  });
});
