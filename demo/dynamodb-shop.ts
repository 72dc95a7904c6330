import { randomUUID } from "node:crypto";
import type { DsqlLocal } from "dsql-local";
import { startDynamodbLocal } from "dynamodb-local";
import type { Act, Till } from "./customers.ts";
import { type ChangedLine, exampleWith, normalisedKey } from "./example.ts";
import type { ToldShop } from "./source-shop.ts";

type Attribute = Readonly<Record<string, unknown>>;
type Item = Readonly<Record<string, Attribute>>;

const REGION = "eu-west-1";
const TABLES = ["orders", "customers"];
/** BatchWriteItem takes so many. */
const BATCH = 25;

/** What customers do at DynamoDB: words that {@link DynamodbShop.till} knows. */
export const DYNAMODB_ACTS: readonly Act[] = [
  { weight: 5, changes: 1, sql: ["place"] },
  { weight: 6, changes: 1, sql: ["note"] },
  { weight: 1, changes: 1, sql: ["return"] },
  { weight: 1, changes: 1, sql: ["join"] },
];

/** A DynamoDB of this machine with a shop in it. */
export class DynamodbShop {
  readonly url: string;
  readonly stop: () => Promise<void>;
  readonly #orders: number;

  private constructor(local: { readonly url: string; stop(): Promise<void> }, orders: number) {
    this.url = local.url;
    this.stop = () => local.stop();
    this.#orders = orders;
  }

  /** `filling` is told when the server is there. */
  static async open(orders: number, filling: () => void): Promise<DynamodbShop> {
    const shop = new DynamodbShop(await startDynamodbLocal(), orders);
    filling();
    for (const table of TABLES) await shop.#makeTable(table);
    const customers = Math.max(1, Math.floor(orders / 10));
    await shop.#putAll("customers", customers, (n) => customerOf(`c-${n}`, n));
    await shop.#putAll("orders", orders, (n) => orderOf(`o-${n}`, n));
    // Only now: what the shop opens with is loaded, and would count as changes in a stream.
    for (const table of TABLES) await shop.#enableStream(table);
    return shop;
  }

  till(): Till {
    return {
      transact: async ([act = ""]) => this.#act(act),
      end: () => Promise.resolve(),
    };
  }

  /** The pipeline is the file of `examples/`, with the addresses of this machine's servers. */
  example(dsql: DsqlLocal): Promise<string> {
    return exampleWith("dynamodb-to-dsql.yaml", [
      this.#source,
      ["host: abc123.dsql.eu-west-1.on.aws", `host: ${dsql.host}\n  port: ${dsql.port}`],
      [
        "use-iam-auth: true",
        `use-iam-auth: false\n  username: ${dsql.user}\n  password: any\n  ssl-ca: ${dsql.caFile}`,
      ],
    ]);
  }

  /** Its tables, found by their tags, in topics. */
  get inTopics(): ToldShop {
    return {
      example: (bootstrap) =>
        exampleWith("dynamodb-to-kafka.yaml", [
          this.#source,
          ["localhost:9092 #", `${bootstrap} #`],
        ]),
      orders: "dynamodb-orders",
      tableOf: (topic) => topic.replace(/^dynamodb-/, "public."),
      keys: async () => {
        const keys = new Map<string, ReadonlySet<string>>();
        for (const table of TABLES) keys.set(`dynamodb-${table}`, await this.#keysOf(table));
        return keys;
      },
    };
  }

  get #source(): ChangedLine {
    const region = `aws.region: ${REGION}`;
    const ours = [
      `endpoint: ${this.url}`,
      "aws.access.key.id: shop",
      "aws.secret.key: shop",
      "init.sync.delay.period: 0",
      region, // a remark may stand behind it
    ];
    return [region, ours.join("\n  ")];
  }

  async #keysOf(TableName: string): Promise<ReadonlySet<string>> {
    const keys = new Set<string>();
    for (let from: unknown; ;) {
      const page = await this.#ask("Scan", {
        TableName,
        ConsistentRead: true,
        ProjectionExpression: "id",
        ...(from === undefined ? {} : { ExclusiveStartKey: from }),
      });
      for (const { id } of page["Items"] as readonly { readonly id: { readonly S: string } }[])
        keys.add(normalisedKey(JSON.stringify({ id: id.S })));
      from = page["LastEvaluatedKey"];
      if (from === undefined) return keys;
    }
  }

  async #act(act: string): Promise<void> {
    const any = Math.floor(Math.random() * this.#orders);
    const id = { S: `o-${any}` };
    switch (act) {
      case "place":
        await this.#ask("PutItem", { TableName: "orders", Item: orderOf(randomUUID(), any) });
        return;
      case "note":
        await this.#ask("UpdateItem", {
          TableName: "orders",
          Key: { id },
          UpdateExpression: "SET note = :n ADD #v :one",
          ExpressionAttributeNames: { "#v": "version" },
          ExpressionAttributeValues: { ":n": { S: `changed ${Date.now()}` }, ":one": { N: "1" } },
        });
        return;
      case "return":
        await this.#ask("DeleteItem", { TableName: "orders", Key: { id } });
        return;
      default:
        await this.#ask("PutItem", { TableName: "customers", Item: customerOf(randomUUID(), any) });
    }
  }

  async #makeTable(TableName: string): Promise<void> {
    await this.#ask("CreateTable", {
      TableName,
      AttributeDefinitions: [{ AttributeName: "id", AttributeType: "S" }],
      KeySchema: [{ AttributeName: "id", KeyType: "HASH" }],
      BillingMode: "PAY_PER_REQUEST",
      // dynamodb-to-kafka.yaml finds its tables by them.
      Tags: [
        { Key: "datalake-ingest", Value: "" },
        { Key: "environment", Value: "dev" },
      ],
    });
    await this.#untilActive(TableName);
  }

  async #enableStream(TableName: string): Promise<void> {
    await this.#ask("UpdateTable", {
      TableName,
      StreamSpecification: { StreamEnabled: true, StreamViewType: "NEW_AND_OLD_IMAGES" },
    });
    await this.#untilActive(TableName);
  }

  async #untilActive(TableName: string): Promise<void> {
    for (let status: unknown = null; status !== "ACTIVE";) {
      const { Table } = await this.#ask("DescribeTable", { TableName });
      status = (Table as { readonly TableStatus?: unknown }).TableStatus;
    }
  }

  async #putAll(table: string, count: number, itemOf: (n: number) => Item): Promise<void> {
    for (let at = 0; at < count; at += BATCH) {
      const numbers = Array.from({ length: Math.min(BATCH, count - at) }, (_, n) => at + n);
      const puts = numbers.map((n) => ({ PutRequest: { Item: itemOf(n) } }));
      await this.#ask("BatchWriteItem", { RequestItems: { [table]: puts } });
    }
  }

  async #ask(action: string, body: object): Promise<Record<string, unknown>> {
    const scope = `20260101/${REGION}/dynamodb/aws4_request`;
    const answer = await fetch(this.url, {
      method: "POST",
      headers: {
        "content-type": "application/x-amz-json-1.0",
        "x-amz-target": `DynamoDB_20120810.${action}`,
        "x-amz-date": "20260101T000000Z",
        authorization: `AWS4-HMAC-SHA256 Credential=shop/${scope}, SignedHeaders=host;x-amz-date, Signature=0`,
      },
      body: JSON.stringify(body),
    });
    const read = (await answer.json()) as Record<string, unknown>;
    if (!answer.ok) throw new Error(`${action}: ${JSON.stringify(read)}`);
    return read;
  }
}

function customerOf(id: string, n: number): Item {
  return {
    id: { S: id },
    email: { S: `c${n}@example.com` },
    vip: { BOOL: n % 20 === 0 },
    points: { N: `${n}.5` },
    tags: { SS: ["new", `t${n % 7}`] },
  };
}

function orderOf(id: string, n: number): Item {
  return {
    id: { S: id },
    customer: { S: `c-${n % 100}` },
    total: { N: `${n % 500}.25` },
    placed_at: { S: new Date(1_760_000_000_000 + n * 60_000).toISOString() },
    address: { M: { city: { S: n % 2 === 0 ? "Köln" : "Århus" }, zip: { S: String(10_000 + n) } } },
    lines: { L: [{ M: { sku: { S: `SKU-${n % 97}` }, quantity: { N: "2" } } }] },
    ...(n % 3 === 0 ? { note: { NULL: true } } : {}),
  };
}
