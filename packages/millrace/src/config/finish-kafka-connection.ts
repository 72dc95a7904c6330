import type { TlsConfig } from "./pipeline-config.ts";
import { type Say, sayOf } from "./say.ts";
import { finishTls, type FinishParts, type TlsSection } from "./finish-tls.ts";
import type { BrokerAddress } from "./kafka-types.ts";
import type { Secret } from "./secret.ts";

/** What a section says of how Kafka is reached. */
interface KafkaConnection extends TlsSection {
  readonly values: TlsSection["values"] & {
    readonly brokers: readonly BrokerAddress[];
    readonly securityProtocol: "PLAINTEXT" | "SSL" | "SASL_PLAINTEXT" | "SASL_SSL" | null;
    readonly saslMechanism: string;
    readonly username: string | null;
    readonly password: Secret | null;
  };
}

/** TLS and login of a Kafka client; TLS is never without proof unless the file says so. `path` is `source` or `sink`. */
export function finishKafkaConnection(
  section: KafkaConnection,
  path: "source" | "sink",
  parts: FinishParts,
): TlsConfig {
  const { sslMode, sslCa, sslCert, securityProtocol, brokers, username } = section.values;
  const say = sayOf(section, path, parts.findings);
  const wantsTls = securityProtocol?.endsWith("SSL") ?? (sslCa ?? sslCert) !== null;
  const fallback: TlsConfig["mode"] = wantsTls ? "verify-full" : "disable";
  const tls = finishTls(section, path, brokers[0]?.host ?? "", fallback, parts);
  checkProtocol(section, tls, say);
  checkLogin(section, tls, say);
  if (sslMode === null && !wantsTls && username !== null)
    parts.findings.notice(
      section.given.get("username") ?? section.place,
      `${path}.username`,
      "is sent without TLS; ssl-mode: verify-full encrypts the connections",
    );
  return tls;
}

function checkProtocol({ values }: KafkaConnection, tls: TlsConfig, say: Say): void {
  const { securityProtocol, username, sslCa, sslCert } = values;
  if (securityProtocol === null) return;
  const name = "properties.security.protocol";
  if (tls.mode === "disable" && (sslCa ?? sslCert) !== null)
    say(name, `is ${securityProtocol}, but certificates are given`, "Take out one of the two");
  if (securityProtocol.endsWith("SSL") !== (tls.mode !== "disable"))
    say(
      name,
      `is ${securityProtocol}, but ssl-mode comes to ${tls.mode}`,
      "Take out one of the two",
    );
  const hasLogin = securityProtocol.startsWith("SASL");
  if (hasLogin && username === null)
    say(name, `is ${securityProtocol}, but username is missing`, "Write username: and password:");
  if (!hasLogin && username !== null)
    say(name, `is ${securityProtocol}, but username is given`, `Write SASL_${securityProtocol}`);
}

function checkLogin({ values, given, failed }: KafkaConnection, tls: TlsConfig, say: Say): void {
  const { username, password, saslMechanism } = values;
  if (username !== null && password === null && !failed.has("password"))
    say("password", "is missing, and username is given", "Write password: ${env:KAFKA_PASSWORD}");
  if (username === null && password !== null && !failed.has("username"))
    say("username", "is missing, and password is given", "Write username:");
  if (username === null && given.has("properties.sasl.mechanism"))
    say("properties.sasl.mechanism", "is given without username", "Write username: and password:");
  if (username !== null && saslMechanism === "PLAIN" && tls.mode === "disable")
    say(
      "properties.sasl.mechanism",
      "is PLAIN without TLS: whoever listens would have the password",
      "Write ssl-mode: verify-full, or SCRAM-SHA-512 where the brokers have it",
    );
}
