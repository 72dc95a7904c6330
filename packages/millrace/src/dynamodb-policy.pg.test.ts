import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makeTable } from "../../dynamodb-local/src/testing/clients.ts";
import { checkPipeline } from "./check-pipeline.ts";
import { type ItemsBetween, itemsBetween } from "./items-between.fixture.ts";
import { planPipeline } from "./plan-pipeline.ts";
import { tableOf } from "./tables-between.fixture.ts";
import { verifyPipeline } from "./verify-pipeline.ts";

/*
 * The policy that the guide has, held against a service that denies all but what it allows: enough for all that a pipeline does, and
 * nothing in it that a pipeline can do without.
 */

const POLL = { timeout: 120_000, interval: 100 };
const TIMEOUT_MS = 600_000;

interface Policy {
  readonly Statement: readonly {
    readonly Action: string | readonly string[];
    readonly Resource: string;
  }[];
}

/** Each action with the resource that it is allowed for, as dynamodb-local is told of it. */
const ALLOWED = allowedBy(policyOfGuide());
const ACTIONS = ALLOWED.map((allowed) => allowed.split(" ")[0] ?? "");

let between: ItemsBetween;
beforeAll(async () => {
  between = await itemsBetween();
});
afterAll(() => between.release());

function policyOfGuide(): Policy {
  const guide = readFileSync(new URL("../../../docs/sources/dynamodb.md", import.meta.url), "utf8");
  const [, text = ""] = /### The policy\n\n```json\n([^`]*)```/.exec(guide) ?? [];
  return JSON.parse(text) as Policy;
}

function allowedBy({ Statement }: Policy): readonly string[] {
  return Statement.flatMap(({ Action, Resource }) =>
    [Action].flat().map((action) => `${action} ${Resource}`),
  );
}

/** The pipeline's own key: who writes the items may do everything. */
const READER = "millrace";

function allowOnly(allowed: readonly string[]): void {
  between.local.control.clearFaults();
  between.local.control.inject({
    kind: "deny",
    action: "*",
    accessKeyId: READER,
    except: allowed,
  });
}

const put = (TableName: string, id: string) =>
  between.dynamodb.putItem({ TableName, Item: { id: { S: id } } });

/** A table with tags of its own, and a pipeline that finds it by them. */
async function tagged(table: string): Promise<Record<string, unknown>> {
  await makeTable(between.dynamodb, table, {
    Tags: [
      { Key: "datalake-ingest", Value: "" },
      { Key: "environment", Value: table },
    ],
  });
  for (const id of ["deleted", "kept"]) await put(table, id);
  return between.file(table, {
    "aws.access.key.id": READER,
    "dynamodb.table.env.tag.value": table,
  });
}

async function idsOf(table: string): Promise<readonly unknown[]> {
  const rows = await between.target.query(`SELECT id FROM public."${table}" ORDER BY id`);
  return rows.map(({ id }) => id);
}

describe("the policy of the guide", { timeout: TIMEOUT_MS }, () => {
  it("is enough to check, to load, to follow, to find ghosts after a loss and to compare", async () => {
    const file = await tagged("enough");
    allowOnly(ALLOWED);
    expect(await checkPipeline(file)).toEqual([]);
    expect((await planPipeline(file)).findings).toEqual([]);
    const first = await between.run(file);
    await first.caughtUp();
    await put("enough", "followed");
    await expect.poll(() => idsOf("enough"), POLL).toEqual(["deleted", "followed", "kept"]);
    await between.stop();
    await between.dynamodb.deleteItem({ TableName: "enough", Key: { id: { S: "deleted" } } });
    between.local.control.shiftClock(30 * 3_600_000);
    const second = await between.run(file);
    await expect.poll(() => idsOf("enough"), POLL).toEqual(["followed", "kept"]);
    await expect.poll(() => tableOf(second, "public.enough").state, POLL).toBe("SYNC");
    expect(await verifyPipeline(file)).toMatchObject({ equal: true });
    await between.stop();
    expect(between.local.control.counters().errors).not.toHaveProperty("AccessDeniedException");
  });

  it("has nothing that can be left out: validate names what is missing", async () => {
    const file = await tagged("least");
    for (const [n, action] of ACTIONS.entries()) {
      allowOnly(ALLOWED.filter((_, each) => each !== n));
      const remedies = (await checkPipeline(file)).map(({ remedy }) => remedy);
      expect(remedies).toContainEqual(expect.stringContaining(`Allow ${action}`));
    }
    allowOnly(ALLOWED);
    expect(await checkPipeline(file)).toEqual([]);
  });

  it("has reads by key for tables only, also of a table that has no item yet", async () => {
    const file = await tagged("empty");
    for (const id of ["deleted", "kept"])
      await between.dynamodb.deleteItem({ TableName: "empty", Key: { id: { S: id } } });
    allowOnly(ALLOWED.filter((allowed) => !allowed.startsWith("dynamodb:BatchGetItem ")));
    expect(await checkPipeline(file)).toMatchObject([
      { severity: "warning", remedy: expect.stringContaining("BatchGetItem") as string },
    ]);
    const lines = { ...file, sink: { type: "jsonl", path: "-" } };
    expect(await checkPipeline(lines)).toEqual([]);
  });
});
