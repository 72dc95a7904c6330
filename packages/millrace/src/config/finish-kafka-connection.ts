import type { TlsConfig } from "./pipeline-config.ts";
import type { Place } from "./problem.ts";
import type { Findings } from "./section.ts";
import { finishTls } from "./finish-tls.ts";
import type { Surroundings } from "./interpolate.ts";
import type { BrokerAddress } from "./kafka-types.ts";
import type { Secret } from "./secret.ts";

/** What a section says of how Kafka is reached. */
interface KafkaConnection {
  readonly values: {
    readonly brokers: readonly BrokerAddress[];
    readonly securityProtocol: "PLAINTEXT" | "SSL" | "SASL_PLAINTEXT" | "SASL_SSL" | null;
    readonly saslMechanism: string;
    readonly username: string | null;
    readonly password: Secret | null;
    readonly sslMode: TlsConfig["mode"] | null;
    readonly sslCa: string | null;
    readonly sslCert: string | null;
    readonly sslKey: string | null;
  };
  readonly place: Place;
  readonly given: ReadonlyMap<string, Place>;
  readonly failed: ReadonlySet<string>;
}

interface Parts {
  readonly surroundings: Surroundings;
  readonly findings: Findings;
}

type Say = (name: string, wrong: string, remedy: string) => void;

/** TLS and login of a Kafka client; TLS is never without proof unless the file says so. `path` is `source` or `sink`. */
export function finishKafkaConnection(
  section: KafkaConnection,
  path: "source" | "sink",
  parts: Parts,
): TlsConfig {
  const { sslMode, sslCa, sslCert, securityProtocol, brokers, username } = section.values;
  const say: Say = (name, wrong, remedy) =>
    parts.findings.problem(
      section.given.get(name) ?? section.place,
      `${path}.${name}`,
      wrong,
      remedy,
    );
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
