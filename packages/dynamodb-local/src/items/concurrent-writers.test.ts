import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fieldsIn, isFields, listIn, textIn, type Fields } from "../json.ts";
import type { Realm } from "../realm.ts";
import { ask, realmFor } from "../testing/realm.ts";
import { sweepExpired } from "../tables/time-to-live.ts";
import { sameValue } from "./item.ts";
import { itemLock } from "./writes.ts";

const TableName = "shared";

type Kind = "put" | "add" | "delete" | "batch" | "transaction";
type Write =
  | { readonly kind: Kind; readonly ids: readonly string[] }
  | { readonly kind: "rotate" | "split"; readonly ids?: undefined };

const ids = fc.uniqueArray(fc.constantFrom("a", "b", "c"), { minLength: 1, maxLength: 3 });
const write: fc.Arbitrary<Write> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constantFrom<Kind>("put", "add", "delete", "batch", "transaction"),
      ids,
    }),
  },
  fc.record({ kind: fc.constantFrom("rotate" as const, "split" as const) }),
);

let version = 0;
const key = (id: string): Fields => ({ id: { S: id } });
const image = (id: string): Fields => ({ ...key(id), v: { N: String((version += 1)) } });
const add = (id: string): Fields => ({
  TableName,
  Key: key(id),
  UpdateExpression: "ADD n :one",
  ExpressionAttributeValues: { ":one": { N: "1" } },
});

async function perform(realm: Realm, each: Write): Promise<void> {
  const stream = realm.table(TableName)?.stream;
  if (each.ids === undefined) {
    const open = stream?.shards.find((shard) => shard.isOpen);
    if (open !== undefined) stream?.[each.kind](open, realm.clock.nowMs());
    return;
  }
  const [first = "a"] = each.ids;
  const puts = each.ids.map((id) => ({ PutRequest: { Item: image(id) } }));
  switch (each.kind) {
    case "put":
      await ask(realm, "PutItem", { TableName, Item: image(first) });
      break;
    case "add":
      await ask(realm, "UpdateItem", add(first));
      break;
    case "delete":
      await ask(realm, "DeleteItem", { TableName, Key: key(first) });
      break;
    case "batch":
      await ask(realm, "BatchWriteItem", { RequestItems: { [TableName]: puts } });
      break;
    case "transaction":
      await ask(realm, "TransactWriteItems", {
        TransactItems: each.ids.map((id) => ({ Update: add(id) })),
      });
      break;
  }
}

/** Records of an item, parents' before their children's. */
function recordsOf(realm: Realm, id: string): readonly Fields[] {
  const shards = realm.table(TableName)?.stream?.shards ?? [];
  const records = shards.flatMap((shard) =>
    shard.read(0n, 1e6, 1e12).map(({ wire }) => fieldsIn(wire, "dynamodb")),
  );
  return records.filter((record) => textIn(fieldsIn(fieldsIn(record, "Keys"), "id"), "S") === id);
}

async function newTable(): Promise<Realm> {
  const realm = realmFor();
  await ask(realm, "CreateTable", {
    TableName,
    AttributeDefinitions: [{ AttributeName: "id", AttributeType: "S" }],
    KeySchema: [{ AttributeName: "id", KeyType: "HASH" }],
    BillingMode: "PAY_PER_REQUEST",
    StreamSpecification: { StreamEnabled: true, StreamViewType: "NEW_AND_OLD_IMAGES" },
  });
  for (;;) {
    const { Table } = await ask(realm, "DescribeTable", { TableName });
    if (isFields(Table) && Table["TableStatus"] === "ACTIVE") return realm;
  }
}

describe("writers of the same items at the same time", () => {
  it("leave records whose old image is the new image before it, and whose last one is the item", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(write, { minLength: 5, maxLength: 25 }), async (writes) => {
        const realm = await newTable();
        await Promise.all(writes.map((each) => perform(realm, each)));
        const { Items } = await ask(realm, "Scan", { TableName });
        for (const id of ["a", "b", "c"]) {
          let last: unknown;
          for (const record of recordsOf(realm, id)) {
            expect(sameValue(record["OldImage"], last)).toBe(true);
            last = record["NewImage"];
          }
          const item = listIn({ Items }, "Items").find(({ id: own }) => sameValue(own, { S: id }));
          expect(sameValue(item, last)).toBe(true);
        }
      }),
      { numRuns: 15 },
    );
  });
});

describe("transactions at the same time", () => {
  const move = (id: string, by: string): Fields => ({
    Update: {
      TableName,
      Key: key(id),
      UpdateExpression: "ADD v :by",
      ExpressionAttributeValues: { ":by": { N: by } },
    },
  });
  const get = (id: string): Fields => ({ Get: { TableName, Key: key(id) } });
  const sumOf = (answer: Fields): number =>
    listIn(answer, "Responses").reduce(
      (sum, response) => sum + Number(fieldsIn(fieldsIn(response, "Item"), "v")["N"]),
      0,
    );

  it("move what they move as a whole, and readers in a transaction see no half of it", async () => {
    const realm = await newTable();
    const both = [move("a", "100"), move("b", "100")];
    await ask(realm, "TransactWriteItems", { TransactItems: both });
    const seen = new Set<number>();
    let moving = true;
    const reading = (async () => {
      const TransactItems = [get("a"), get("b")];
      while (moving) seen.add(sumOf(await ask(realm, "TransactGetItems", { TransactItems })));
    })();
    await Promise.all(
      Array.from({ length: 20 }, (_, index) => {
        const TransactItems =
          index % 2 === 0 ? [move("a", "-1"), move("b", "1")] : [move("b", "-1"), move("a", "1")];
        return ask(realm, "TransactWriteItems", { TransactItems });
      }),
    );
    moving = false;
    await reading;
    expect(seen).toEqual(new Set([200]));
    const last = await ask(realm, "TransactGetItems", { TransactItems: [get("a"), get("b")] });
    expect(sumOf(last)).toBe(200);
  });
});

describe("an item that is prolonged while the sweep is under way", () => {
  it("stays, and leaves no record", async () => {
    const realm = await newTable();
    const nowSeconds = Math.floor(realm.clock.nowMs() / 1_000);
    const until = (seconds: number): Fields => ({ ...key("a"), until: { N: String(seconds) } });
    await ask(realm, "UpdateTimeToLive", {
      TableName,
      TimeToLiveSpecification: { AttributeName: "until", Enabled: true },
    });
    await ask(realm, "PutItem", { TableName, Item: until(nowSeconds - 60) });
    const table = realm.table(TableName);
    if (table === undefined) throw new Error("the table is gone");
    let sweeping: Promise<number> = Promise.resolve(0);
    await realm.locks.hold([itemLock(table, key("a"))], async () => {
      sweeping = sweepExpired(realm);
      // The sweep finds the item as it was, and waits for its lock.
      for (let turn = 0; turn < 50; turn += 1)
        await new Promise((resolve) => setImmediate(resolve));
      await realm.engine.call("PutItem", { TableName, Item: until(nowSeconds + 600) });
    });
    expect(await sweeping).toBe(0);
    expect(recordsOf(realm, "a")).toHaveLength(1);
  });
});
