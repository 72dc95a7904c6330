/** Topics read into lent bytes from a real broker: in the clear, by TLS, behind each login, and over what ends connections. */
import { apiVersionsV3 } from "@platformatic/kafka";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { authority, type KeyPair, signed } from "../../../../test/support/certificates.ts";
import { addScramUser } from "../../../../test/support/guarded-kafka.ts";
import {
  adminOf,
  createTopic,
  type KafkaCluster,
  type KafkaListener,
  startKafka,
} from "../../../../test/support/kafka.ts";
import { systemClock } from "../model/ports.ts";
import { send } from "../topics-between.fixture.ts";
import { BrokerConnection, type BrokerLink } from "./broker-connection.ts";
import { clusterAt } from "./cluster.fixture.ts";
import type { ClusterOptions } from "./cluster-options.ts";
import { committedBatches, offsetBehind } from "./committed-batches.ts";
import { KafkaFault } from "./kafka-fault.ts";
import { ByteLender } from "./lent-bytes.ts";
import { fetchPartition } from "./partition.ts";
import { type RecordBatch, RecordCursor } from "./record-reader.ts";

const PLAIN = "org.apache.kafka.common.security.plain.PlainLoginModule required";
const SCRAM = "org.apache.kafka.common.security.scram.ScramLoginModule required;";
const ALICE = { mechanism: "PLAIN", username: "alice", password: "secret" } as const;
const BOB = { mechanism: "SCRAM-SHA-512", username: "bob", password: "geheim" } as const;
const CAROL = { mechanism: "SCRAM-SHA-256", username: "carol", password: "segreto" } as const;
const TOPIC = "read";
const MESSAGES = 3_000;
const IDLE_MS = 2_000;
const SESSION_MS = 3_000;

let kafka: KafkaCluster;
let ours: KeyPair;
let client: KeyPair;
beforeAll(async () => {
  ours = await authority("ours");
  const broker = await signed("broker.test", ours);
  client = await signed("millrace", ours);
  const logins = ["sasl_ssl", "sasl_plaintext"].flatMap((name) => [
    [`listener.name.${name}.plain.sasl.jaas.config`, `${PLAIN} user_alice="secret";`],
    [`listener.name.${name}.scram-sha-512.sasl.jaas.config`, SCRAM],
    [`listener.name.${name}.scram-sha-256.sasl.jaas.config`, SCRAM],
  ]);
  kafka = await startKafka({
    listeners: ["SASL_SSL", "SSL", "SASL_PLAINTEXT"],
    files: { "broker.pem": `${broker.private}\n${broker.cert}`, "authority.pem": ours.cert },
    settings: {
      "ssl.keystore.type": "PEM",
      "ssl.keystore.location": "@FOLDER@/broker.pem",
      "ssl.truststore.type": "PEM",
      "ssl.truststore.location": "@FOLDER@/authority.pem",
      "listener.name.ssl.ssl.client.auth": "required",
      "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512",
      "connections.max.idle.ms": String(IDLE_MS),
      "listener.name.sasl_plaintext.connections.max.reauth.ms": String(SESSION_MS),
      ...Object.fromEntries(logins as [string, string][]),
    },
  });
  const admin = clusterAt(kafka.bootstrap);
  await addScramUser(admin, "bob", "geheim");
  await addScramUser(admin, "carol", "segreto", "SCRAM-SHA-256");
  await admin.close();
  const topics = adminOf(kafka.bootstrap);
  await createTopic(topics, TOPIC);
  await topics.close();
  // A batch is not to be larger than the broker takes.
  for (let from = 0; from < MESSAGES; from += 500) {
    const ids = Array.from({ length: 500 }, (_, i) => from + i);
    await send(
      kafka,
      TOPIC,
      ids.map((id) => ({ key: `${id}`, value: textOf(id) })),
    );
  }
});
afterAll(() => kafka.stop());

/** A kilobyte that no other message has. */
function textOf(id: number): string {
  return `${id}-`.repeat(400).slice(0, 1_000);
}

function textsIn(batch: RecordBatch, from: number): [offset: number, text: string | undefined][] {
  const cursor = new RecordCursor(batch);
  const found: [number, string | undefined][] = [];
  while (cursor.next())
    if (cursor.offset >= from) found.push([cursor.offset, cursor.value()?.toString()]);
  return found;
}

/** Reads all of it, each answer into bytes that are overwritten as soon as they are given back; says how many times some were lent again. */
async function readsAll(
  listener: KafkaListener | null,
  options: Partial<ClusterOptions>,
): Promise<number> {
  const bootstrap = listener === null ? kafka.bootstrap : kafka.addresses(listener);
  const lender = new ByteLender();
  const cluster = clusterAt(bootstrap, { ...options, lender });
  const seen = new WeakSet<ArrayBufferLike>();
  let again = 0;
  try {
    let count = 0;
    for (let offset = 0; offset < MESSAGES;) {
      const limits = { maxBytes: 400_000, maxWaitMs: 100, isLent: true };
      const at = { topic: TOPIC, partition: 0 };
      const answer = await cluster.patiently(5_000, () =>
        fetchPartition(cluster, at, offset, limits),
      );
      for (const batch of committedBatches(answer)) {
        const texts = textsIn(batch, offset);
        for (const [place, text] of texts) expect(text).toBe(textOf(place));
        count += texts.length;
      }
      offset = offsetBehind(answer, offset);
      if (seen.has(answer.records.buffer)) again++;
      seen.add(answer.records.buffer);
      answer.records.fill(0xdb);
      cluster.giveBack(answer.records);
    }
    expect(count).toBe(MESSAGES);
    return again;
  } finally {
    await cluster.close();
  }
}

describe("a topic that is read into lent bytes", () => {
  it("comes whole in the clear and by TLS, with a certificate of one's own", async () => {
    expect(await readsAll(null, {})).toBeGreaterThan(2);
    const tls = { ca: ours.cert, cert: client.cert, key: client.private };
    expect(await readsAll("SSL", { tls })).toBeGreaterThan(2);
  });

  it.each([ALICE, BOB, CAROL])("comes whole behind a login by $mechanism", async (sasl) => {
    expect(await readsAll("SASL_SSL", { tls: { ca: ours.cert }, sasl })).toBeGreaterThan(2);
    expect(await readsAll("SASL_PLAINTEXT", { sasl })).toBeGreaterThan(2);
  });

  it.each([
    ["without a client certificate", "SSL", {}],
    ["with another password", "SASL_PLAINTEXT", { sasl: { ...BOB, password: "nobody's" } }],
    ["with an unknown authority", "SASL_SSL", { tls: {}, sasl: ALICE }],
    [
      "with a mechanism that it does not have",
      "SASL_PLAINTEXT",
      { sasl: { ...ALICE, mechanism: "OAUTHBEARER", token: "x" } },
    ],
    ["in the clear where it wants TLS", "SASL_SSL", {}],
  ] as const)("is refused as over the library's connections %s", async (what, listener, given) => {
    const tls = what === "without a client certificate" ? { tls: { ca: ours.cert } } : {};
    const refusal = async (lender: ByteLender | null): Promise<unknown> => {
      const base = { bootstrap: [], clientId: "test", tls: null, sasl: null, clock: systemClock };
      const times = { connectTimeoutMs: 5_000, requestTimeoutMs: 5_000 };
      const [host = "", port = ""] = kafka.addresses(listener).split(":");
      const options = { ...base, ...times, ...tls, ...given };
      try {
        const link = await BrokerConnection.open({ host, port: Number(port) }, options, lender);
        try {
          return await link.call(apiVersionsV3.api, "test", "1");
        } finally {
          await link.close();
        }
      } catch (thrown) {
        if (!(thrown instanceof KafkaFault)) throw thrown;
        return { kind: thrown.kind, id: thrown.id, message: thrown.message };
      }
    };
    const theirs = await refusal(null);
    expect(theirs).toMatchObject({ kind: "config" });
    expect(await refusal(new ByteLender())).toEqual(theirs);
  });

  it("goes on behind a broker that has closed an idle connection", async () => {
    const cluster = clusterAt(kafka.bootstrap);
    try {
      const at = { topic: TOPIC, partition: 0 };
      const limits = { maxBytes: 100_000, maxWaitMs: 10, isLent: true };
      await fetchPartition(cluster, at, 0, limits);
      const link = await cluster.connection(await cluster.leader(TOPIC, 0), "fetch");
      await vi.waitFor(() => expect(link.isOpen).toBe(false), { timeout: 30_000, interval: 100 });
      const answer = await cluster.patiently(5_000, () => fetchPartition(cluster, at, 0, limits));
      expect(offsetBehind(answer, 0)).toBeGreaterThan(0);
    } finally {
      await cluster.close();
    }
  });

  it("logs in anew before a session ends, on another connection, and no request is lost by it", async () => {
    const cluster = clusterAt(kafka.addresses("SASL_PLAINTEXT"), { sasl: BOB });
    try {
      const at = { topic: TOPIC, partition: 0 };
      const links = new Set<BrokerLink>();
      const untilMs = Date.now() + 60_000;
      while (links.size < 3 && Date.now() < untilMs) {
        const limits = { maxBytes: 10_000, maxWaitMs: 100, isLent: true };
        // Nobody tries again here.
        await fetchPartition(cluster, at, MESSAGES, limits);
        links.add(await cluster.connection(await cluster.leader(TOPIC, 0), "fetch"));
      }
      expect(links.size).toBeGreaterThanOrEqual(3);
    } finally {
      // Others of it have been closed by the broker meanwhile, and a login of theirs came due.
      await cluster.close();
    }
  });
});
