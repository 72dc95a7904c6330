/** TLS and logins, with a real broker that wants them. */
import selfsigned from "selfsigned";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { addScramUser } from "../../../../../test/support/guarded-kafka.ts";
import { type KafkaCluster, startKafka } from "../../../../../test/support/kafka.ts";
import { MillraceError } from "../../errors/millrace-error.ts";
import { clusterAt } from "../../kafka/cluster.fixture.ts";
import type { ClusterOptions } from "../../kafka/cluster-options.ts";
import { silentLogger, systemClock } from "../../model/ports.ts";
import { kafkaSink, sinkOptions } from "./kafka-sink.fixture.ts";

const PLAIN = "org.apache.kafka.common.security.plain.PlainLoginModule required";
const SCRAM = "org.apache.kafka.common.security.scram.ScramLoginModule required;";

let kafka: KafkaCluster;
let ca: string;
beforeAll(async () => {
  const certificate = await selfsigned.generate([{ name: "commonName", value: "broker.test" }], {
    extensions: [
      { name: "basicConstraints", cA: true },
      { name: "subjectAltName", altNames: [{ type: 7, ip: "127.0.0.1" }] },
    ],
  });
  ca = certificate.cert;
  kafka = await startKafka({
    listeners: ["SASL_SSL", "SSL"],
    files: { "broker.pem": `${certificate.private}\n${certificate.cert}` },
    settings: {
      "ssl.keystore.type": "PEM",
      "ssl.keystore.location": "@FOLDER@/broker.pem",
      "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-512",
      "listener.name.sasl_ssl.plain.sasl.jaas.config": `${PLAIN} user_alice="secret";`,
      "listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config": SCRAM,
    },
  });
  const admin = clusterAt(kafka.bootstrap);
  await addScramUser(admin, "bob", "geheim");
  await admin.close();
});
afterAll(() => kafka.stop());

/** Opens a sink, and takes over: so all its connections are made. */
async function takesOver(
  listener: "SASL_SSL" | "SSL",
  { tls = null, sasl = null }: Partial<Pick<ClusterOptions, "tls" | "sasl">>,
): Promise<void> {
  const options = sinkOptions(kafka.addresses(listener), "login-");
  const cluster = { ...options.cluster, connectTimeoutMs: 20_000, tls, sasl };
  const context = { pipeline: "login", clock: systemClock, random: Math.random, log: silentLogger };
  const sink = kafkaSink({ ...options, cluster, deliveryTimeoutMs: 5_000 }, context);
  try {
    await sink.open();
    await sink.takeOver({ pipeline: "login", task: "main", lanes: 1 });
  } finally {
    await sink.close();
  }
}

async function refusal(work: Promise<void>): Promise<MillraceError> {
  const thrown: unknown = await work.then(
    () => null,
    (error: unknown) => error,
  );
  expect(thrown).toBeInstanceOf(MillraceError);
  return thrown as MillraceError;
}

describe("a sink behind TLS and a login", () => {
  const alice = { mechanism: "PLAIN", username: "alice", password: "secret" } as const;

  it("gets in with the authority and the password, by PLAIN and by SCRAM", async () => {
    await expect(takesOver("SSL", { tls: { ca } })).resolves.toBeUndefined();
    await takesOver("SASL_SSL", { tls: { ca }, sasl: alice });
    const bob = { mechanism: "SCRAM-SHA-512", username: "bob", password: "geheim" } as const;
    await takesOver("SASL_SSL", { tls: { ca }, sasl: bob });
  });

  it("is told of a wrong password for good, and nothing shows it", async () => {
    const sasl = { ...alice, password: "not-the-secret" };
    const error = await refusal(takesOver("SASL_SSL", { tls: { ca }, sasl }));
    expect(error).toMatchObject({ code: "MR_SINK_REFUSED", class: "config" });
    expect(error.message).toMatch(/refuses this user or password/);
    expect(error.message + JSON.stringify(error.facts)).not.toContain("not-the-secret");
  });

  it("does not talk to a broker whose certificate nobody has signed that it knows", async () => {
    const error = await refusal(takesOver("SSL", { tls: {} }));
    expect(error).toMatchObject({ code: "MR_SINK_REFUSED", class: "config" });
    expect(error.message).toMatch(/certificate/);
  });

  it("says so where it speaks without TLS to a broker that wants it", async () => {
    const error = await refusal(takesOver("SSL", {}));
    expect(error.code).toBe("MR_SINK_REFUSED");
    expect(error.message).toMatch(/TLS/);
  });
});
