/** Client certificates, with a real broker that lets nobody in without one of its authority's: sink, source, and who looks before. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { authority, signed } from "../../../test/support/certificates.ts";
import { type KafkaCluster, startKafka } from "../../../test/support/kafka.ts";
import { type SharedPostgres, sharedPostgres } from "../../../test/support/postgres.ts";
import { checkPipeline } from "./check-pipeline.ts";
import type { PipelineFinding } from "./pipeline-finding.ts";
import { loadPipeline } from "./load-pipeline.ts";

let kafka: KafkaCluster;
let database: SharedPostgres;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "millrace-certificates-"));
  const [ours, theirs] = await Promise.all([authority("ours"), authority("theirs")]);
  const [broker, client, stranger] = await Promise.all([
    signed("broker.test", ours),
    signed("millrace", ours),
    signed("millrace", theirs),
  ]);
  const files = {
    ca: ours.cert,
    client: client.cert,
    key: client.private,
    stranger: stranger.cert,
  };
  for (const [name, text] of [
    ...Object.entries(files),
    ["strangers-key", stranger.private] as const,
  ])
    await writeFile(pathOf(name), text);
  [kafka, database] = await Promise.all([
    startKafka({
      listeners: ["SSL"],
      files: { "broker.pem": `${broker.private}\n${broker.cert}`, "authority.pem": ours.cert },
      settings: {
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": "@FOLDER@/broker.pem",
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": "@FOLDER@/authority.pem",
        "ssl.client.auth": "required",
      },
    }),
    sharedPostgres(),
  ]);
  await database.query("CREATE TABLE item (id int PRIMARY KEY); INSERT INTO item VALUES (1), (2)");
});
afterAll(async () => {
  await Promise.all([kafka.stop(), database.release(), rm(folder, { recursive: true })]);
});

function pathOf(name: string): string {
  return join(folder, `${name}.pem`);
}

type Options = Readonly<Record<string, string>>;

const brokers = (): Options => ({
  type: "kafka",
  "properties.bootstrap.servers": kafka.addresses("SSL"),
  "request-timeout": "5s",
});
const TRUSTED = (): Options => ({ "ssl-ca": pathOf("ca") });
const OURS = (): Options => ({ "ssl-cert": pathOf("client"), "ssl-key": pathOf("key") });
const THEIRS = (): Options => ({
  "ssl-cert": pathOf("stranger"),
  "ssl-key": pathOf("strangers-key"),
});

function intoTopics(name: string, options: Options) {
  const { host: hostname, port, user: username, password, database: own } = database;
  return {
    source: { type: "postgres", hostname, port, username, password, tables: `${own}.public.item` },
    sink: { ...brokers(), "topic.pattern": "certified.{table}", ...options },
    pipeline: { name },
  };
}

function fromTopics(name: string, options: Options) {
  const { host, port, user: username, password, database: own } = database;
  return {
    source: { ...brokers(), topic: "certified.item", ...options },
    sink: { type: "postgres", host, port, username, password, database: own },
    route: [{ "source-table": String.raw`public.\.*`, "sink-table": "public.copied" }],
    pipeline: { name },
  };
}

async function toTheEnd(file: object): Promise<void> {
  const pipeline = await loadPipeline(file);
  try {
    await pipeline.start();
    await pipeline.caughtUp();
  } finally {
    await pipeline.stop();
  }
}

async function errorsOf(file: object): Promise<readonly PipelineFinding[]> {
  const found = await checkPipeline(file);
  return found.filter(({ severity }) => severity === "error");
}

describe("a broker that wants client certificates", () => {
  it("lets in a sink, a source and who looks before that have one of its authority's", async () => {
    const sink = intoTopics("certified", { ...TRUSTED(), ...OURS() });
    expect(await errorsOf(sink)).toEqual([]);
    await toTheEnd(sink);
    const source = fromTopics("certified-back", { ...TRUSTED(), ...OURS() });
    expect(await errorsOf(source)).toEqual([]);
    await toTheEnd(source);
    expect(await database.query("SELECT id FROM copied ORDER BY id")).toEqual([
      { id: "1" },
      { id: "2" },
    ]);
  });

  it.each([
    ["none", () => TRUSTED()],
    ["another authority's", () => ({ ...TRUSTED(), ...THEIRS() })],
  ])("refuses who has %s, and says which option is about that", async (_what, options) => {
    const remedy = /ssl-cert/;
    for (const file of [intoTopics("refused", options()), fromTopics("refused", options())]) {
      const [found, ...more] = await errorsOf(file);
      expect(more).toEqual([]);
      expect(found?.what).toMatch(/client certificate/);
      expect(found?.remedy).toMatch(remedy);
      const pipeline = await loadPipeline(file);
      await expect(pipeline.start()).rejects.toMatchObject({
        code: expect.stringMatching(/^MR_(SINK|SOURCE)_REFUSED$/) as string,
        class: "config",
        remedy: expect.stringMatching(remedy) as string,
      });
      await pipeline.stop();
    }
  });

  it("is never spoken to in plain text by who has a certificate", async () => {
    // The system's authorities do not know the broker's, and that is what is said.
    const [found] = await errorsOf(intoTopics("plain", OURS()));
    expect(found?.what).toMatch(/certificate/);
    expect(found?.remedy).toMatch(/ssl-ca/);
  });
});
