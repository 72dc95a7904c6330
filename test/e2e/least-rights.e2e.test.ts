/** The guide's own SQL makes the role that reads; with no other right it loads a database and follows it. */
import { readFileSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { checkPipeline } from "../../packages/millrace/src/check-pipeline.ts";
import { smallPipeline, type SmallPipeline } from "./small-pipeline.ts";

const ROWS = "SELECT * FROM orders ORDER BY id";

let pipeline: SmallPipeline;
let names: { readonly role: string; readonly owner: string };

beforeEach(async () => {
  pipeline = await smallPipeline("");
  const { database } = pipeline.source;
  names = { role: `reader_${database}`, owner: `owner_${database}` };
  await pipeline.source.query(
    `CREATE ROLE ${names.owner}; REVOKE ALL ON DATABASE ${database} FROM public; REVOKE ALL ON SCHEMA public FROM public;
     GRANT CREATE, USAGE ON SCHEMA public TO ${names.owner}; SET ROLE ${names.owner};
     CREATE TABLE public.orders (id int PRIMARY KEY, v text); CREATE TABLE public.customers (id int PRIMARY KEY);
     INSERT INTO public.orders SELECT g, 'x' FROM generate_series(1, 500) g`,
  );
});

afterEach(async () => {
  const { role, owner } = names;
  const { source } = pipeline;
  await source.query(
    `SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = current_database()`,
  );
  await source.query(
    `DROP OWNED BY ${owner}; DROP ROLE ${owner};
     DO $$ BEGIN IF to_regrole('${role}') IS NOT NULL THEN EXECUTE 'DROP OWNED BY ${role}; DROP ROLE ${role}'; END IF; END $$`,
  );
  await pipeline.release();
});

/** The statements of the guide's section on the role: the first block is the administrator's way, the second ours. */
function grantsOf(block: 0 | 1): string[] {
  const guide = readFileSync(new URL("../../docs/sources/postgres.md", import.meta.url), "utf8");
  const section = guide.slice(guide.indexOf("## 2. The role"), guide.indexOf("## 3. The file"));
  const sql = [...section.matchAll(/```sql\n(.*?)```/gs)][block]?.[1] ?? "";
  const { database } = pipeline.source;
  return sql
    .replaceAll(/--.*$/gm, "")
    .replaceAll(/\b(millrace_shop|shop_owner|millrace|shop)\b|\u2026/g, (word) => {
      if (word === "\u2026") return "secret";
      if (word === "millrace_shop" || word === "shop") return database;
      return word === "millrace" ? names.role : names.owner;
    })
    .split(";")
    .map((statement) => statement.trim())
    .filter((statement) => statement !== "");
}

async function loadAndFollow(create: "never" | "if-missing"): Promise<void> {
  await pipeline.write({
    tables: String.raw`public.\.*`,
    source: { username: names.role, password: "secret", "publication.create": create },
  });
  await pipeline.caughtUp();
  await pipeline.whileRunning(async () => {
    await pipeline.source.query(
      "INSERT INTO orders VALUES (1000, 'later'); UPDATE orders SET v = 'y' WHERE id < 9",
    );
    await pipeline.expectSoonSame(ROWS);
  });
}

describe("the role that the guide makes", () => {
  it("loads and follows where an administrator keeps the publication, and lacks something without any of its statements", async () => {
    const grants = grantsOf(0);
    expect(grants).toHaveLength(5);
    for (const statement of grants) await pipeline.source.query(statement);
    await loadAndFollow("never");
    expect(await errorsWith("never")).toEqual([]);
    const { role } = names;
    const { database } = pipeline.source;
    const undo = [
      [`ALTER ROLE ${role} NOREPLICATION`, `ALTER ROLE ${role} REPLICATION`],
      [`REVOKE CONNECT ON DATABASE ${database} FROM ${role}`, grants[1]],
      [`REVOKE USAGE ON SCHEMA public FROM ${role}`, grants[2]],
      [`REVOKE SELECT ON ALL TABLES IN SCHEMA public FROM ${role}`, grants[3]],
    ] as const;
    for (const [take, give = ""] of undo) {
      await pipeline.source.query(take);
      expect([take, (await errorsWith("never")).length > 0]).toEqual([take, true]);
      await pipeline.source.query(give);
      expect([give, await errorsWith("never")]).toEqual([give, []]);
    }
    const [, , , , publication = ""] = grants;
    await pipeline.source.query(`DROP PUBLICATION ${database}`);
    expect(await errorsWith("never")).not.toEqual([]);
    await pipeline.source.query(publication);
    // What was written without it is in no log.
    expect(await errorsWith("never")).toEqual([
      expect.stringContaining("public.customers was left out"),
      expect.stringContaining("public.orders was left out"),
    ]);
  });

  it("loads and follows where Millrace keeps the publication", async () => {
    const grants = grantsOf(1);
    expect(grants).toHaveLength(3);
    for (const statement of grants) await pipeline.source.query(statement);
    await loadAndFollow("if-missing");
    expect(await errorsWith("if-missing")).toEqual([]);
  });
});

/** What `validate --connect` finds in the way. */
async function errorsWith(create: "never" | "if-missing"): Promise<string[]> {
  const { source, target } = pipeline;
  const { hostname, port } = new URL(source.url);
  const file = {
    source: {
      type: "postgres",
      hostname,
      port: Number(port),
      username: names.role,
      password: "secret",
      tables: `${source.database}.public.\\.*`,
      "publication.create": create,
      "publication.name": source.database,
    },
    sink: target.sink,
    pipeline: { name: source.database },
  };
  const found = await checkPipeline(file);
  return found.filter(({ severity }) => severity === "error").map(({ what }) => what);
}
