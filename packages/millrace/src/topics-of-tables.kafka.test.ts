/** Which topic each table goes to, as a file says it, and that nothing else goes there. */
import { afterAll, afterEach, describe, expect, it } from "vitest";
import { checkPipeline } from "./check-pipeline.ts";
import { recordsIn } from "./kafka/cluster.fixture.ts";
import { tablesIntoTopics } from "./tables-into-topics.fixture.ts";

const { kafka, between, cluster, release } = await tablesIntoTopics();
afterEach(() => between.stop());
afterAll(release);

function fileOf(name: string, tables: string, sink: Readonly<Record<string, unknown>>): object {
  return between.file({
    tables,
    source: { "publication.name": name, "slot.name": `${between.source.database}_${name}` },
    pipeline: { name: `${kafka.prefix}${name}` },
    more: {
      sink: {
        type: "kafka",
        "properties.bootstrap.servers": kafka.bootstrap,
        "topic.pattern": `${kafka.prefix}{table}`,
        "topic.partitions": 1,
        "generation.markers": false,
        ...sink,
      },
    },
  });
}

/** Ids in the order of their messages. */
async function idsIn(topic: string): Promise<readonly unknown[]> {
  const records = await recordsIn(cluster, topic, 0);
  return records.map(([, value]) => {
    const { after } = JSON.parse(value ?? "{}") as { after?: { id?: number } };
    return after?.id;
  });
}

describe("topics that patterns of tables name", () => {
  it("are those of the first pattern, and others go by topic.pattern", async () => {
    await between.source.query(
      "CREATE TABLE log_a (id int PRIMARY KEY); CREATE TABLE log_b (id int PRIMARY KEY);" +
        "CREATE TABLE other (id int PRIMARY KEY);" +
        "INSERT INTO log_a VALUES (1); INSERT INTO log_b VALUES (2); INSERT INTO other VALUES (3)",
    );
    const mapping = [
      `public.log_b:${kafka.prefix}only-b`,
      String.raw`public.log_\.*:${kafka.prefix}logs`,
    ].join(";");
    const file = fileOf("mapped", String.raw`public.(log_\.*|other)`, {
      "sink.tableId-to-topic.mapping": mapping,
    });
    await (await between.run(file)).caughtUp();
    expect(await idsIn(`${kafka.prefix}only-b`)).toEqual([2]);
    expect(await idsIn(`${kafka.prefix}logs`)).toEqual([1]);
    expect(await idsIn(`${kafka.prefix}other`)).toEqual([3]);
  });

  it("are told where no table that goes to the sink matches, with the name that is near", async () => {
    await between.source.query("CREATE TABLE orders (id int PRIMARY KEY)");
    const file = fileOf("typo", "public.orders", {
      "sink.tableId-to-topic.mapping": "public.ordres:x;public.orders:y;sales.\\.*:z",
    });
    const found = (await checkPipeline(file)).filter(({ option }) =>
      option?.endsWith("topic.mapping"),
    );
    expect(found.map(({ severity, what, remedy }) => [severity, what, remedy])).toEqual([
      [
        "warning",
        "sink.tableId-to-topic.mapping: public.ordres matches no table that goes to the sink.",
        "Did you mean public.orders?",
      ],
      [
        "warning",
        String.raw`sink.tableId-to-topic.mapping: sales.\.* matches no table that goes to the sink.`,
        "Compare it with the names of the targets, as routes give them.",
      ],
    ]);
  });
});

describe("a table whose topic something else goes to", () => {
  it.each([
    [
      "transactions, by a name that nobody wrote",
      "transaction",
      () => ({ "provide.transaction.metadata": true, "topic.prefix": kafka.prefix.slice(0, -1) }),
      () => ({ "topic.pattern": `${kafka.prefix.slice(0, -1)}.{table}` }),
    ],
    ["positions", "state", () => ({ "state.topic": `${kafka.prefix}state` }), () => ({})],
    [
      "dead letters",
      "letters",
      () => ({ "dead-letters.topic": `${kafka.prefix}letters` }),
      () => ({}),
    ],
  ])("is refused before anything is read: %s", async (_name, table, side, more) => {
    await between.source.query(`CREATE TABLE "${table}" (id int PRIMARY KEY)`);
    const file = fileOf(`beside_${table}`, `public.${table}`, { ...side(), ...more() });
    const found = await checkPipeline(file);
    expect(found.filter(({ severity }) => severity === "error")).toMatchObject([
      {
        code: "MR_SINK_SCHEMA",
        what: expect.stringMatching(/would go to topic .*, which .* go to/),
      },
    ]);
    await expect(between.run(file)).rejects.toMatchObject({ code: "MR_SINK_SCHEMA" });
  });
});
