/** What a client is told that speaks otherwise than the listener it has come to, with a real broker that has one of each kind. */
import selfsigned from "selfsigned";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type KafkaCluster, startKafka } from "../../../../test/support/kafka.ts";
import { clusterAt } from "./cluster.fixture.ts";
import { KafkaFault } from "./kafka-fault.ts";

const PLAIN = `org.apache.kafka.common.security.plain.PlainLoginModule required user_alice="secret";`;
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
    listeners: ["SASL_PLAINTEXT", "SASL_SSL", "SSL"],
    files: { "broker.pem": `${certificate.private}\n${certificate.cert}` },
    settings: {
      "ssl.keystore.type": "PEM",
      "ssl.keystore.location": "@FOLDER@/broker.pem",
      "sasl.enabled.mechanisms": "PLAIN",
      "listener.name.sasl_ssl.plain.sasl.jaas.config": PLAIN,
      "listener.name.sasl_plaintext.plain.sasl.jaas.config": PLAIN,
    },
  });
});
afterAll(() => kafka.stop());

type Listener = "PLAINTEXT" | "SASL_PLAINTEXT" | "SSL" | "SASL_SSL";

/** What somebody who speaks this protocol is told by this listener; null where it is the right one. */
async function told(
  listener: Listener,
  spoken: Listener,
  mechanism: "PLAIN" | "SCRAM-SHA-512" = "PLAIN",
): Promise<{ readonly kind: string; readonly id: string; readonly message: string } | null> {
  const login = { mechanism, username: "alice", password: "secret" };
  const at = listener === "PLAINTEXT" ? kafka.bootstrap : kafka.addresses(listener);
  const cluster = clusterAt(at, {
    tls: spoken.endsWith("SSL") ? { ca } : null,
    sasl: spoken.startsWith("SASL") ? login : null,
  });
  try {
    await cluster.topics(["orders"]);
    return null;
  } catch (thrown) {
    if (thrown instanceof KafkaFault) return thrown;
    throw thrown;
  } finally {
    await cluster.close();
  }
}

describe("a listener", () => {
  it.each(["PLAINTEXT", "SASL_PLAINTEXT", "SSL", "SASL_SSL"] as const)(
    "of %s serves who speaks it",
    async (listener) => {
      expect(await told(listener, listener)).toBe(null);
    },
  );

  it.each([
    ["PLAINTEXT", "SASL_PLAINTEXT"],
    ["SSL", "SASL_SSL"],
  ] as const)("of %s says to %s that it asks for no login", async (listener, spoken) => {
    const said = await told(listener, spoken);
    expect(said).toMatchObject({ kind: "config", id: "ILLEGAL_SASL_STATE" });
    expect(said?.message).toMatch(/127\.0\.0\.1:\d+ asks for no login at this listener$/);
  });

  it.each([
    ["SSL", "PLAINTEXT"],
    ["SASL_SSL", "PLAINTEXT"],
  ] as const)("of %s says to %s that it speaks TLS", async (listener, spoken) => {
    const said = await told(listener, spoken);
    expect(said).toMatchObject({ kind: "config", id: "TLS_WANTED" });
    expect(said?.message).toMatch(/127\.0\.0\.1:\d+ speaks TLS at this listener/);
  });

  it.each([
    ["SSL", "SASL_PLAINTEXT"],
    ["SASL_SSL", "SASL_PLAINTEXT"],
  ] as const)("of %s is suspected by %s to speak TLS", async (listener, spoken) => {
    const said = await told(listener, spoken);
    expect(said?.message).toMatch(/speaks TLS|has closed the connection; .*listener wants TLS/);
  });

  it.each([
    ["PLAINTEXT", "SSL"],
    ["PLAINTEXT", "SASL_SSL"],
    ["SASL_PLAINTEXT", "SSL"],
    ["SASL_PLAINTEXT", "SASL_SSL"],
  ] as const)("of %s is suspected by %s to speak no TLS", async (listener, spoken) => {
    const said = await told(listener, spoken);
    expect(said).toMatchObject({ kind: "connection", id: "NO_TLS" });
    expect(said?.message).toMatch(
      /has closed the connection; perhaps this listener speaks no TLS.*security\.protocol/,
    );
  });

  it.each([
    ["SASL_PLAINTEXT", "PLAINTEXT"],
    ["SASL_SSL", "SSL"],
  ] as const)("of %s is suspected by %s to want a login", async (listener, spoken) => {
    const said = await told(listener, spoken);
    expect(said).toMatchObject({ kind: "connection", id: "NO_LOGIN" });
    expect(said?.message).toMatch(/has closed the connection; perhaps this listener wants a login/);
  });

  it("says which ways to log in it takes where it is asked for another one", async () => {
    const said = await told("SASL_PLAINTEXT", "SASL_PLAINTEXT", "SCRAM-SHA-512");
    expect(said).toMatchObject({ kind: "config", id: "UNSUPPORTED_SASL_MECHANISM" });
    expect(said?.message).toMatch(/does not take this SASL mechanism, only PLAIN$/);
  });
});
