import type { KafkaFault } from "./kafka-fault.ts";

/** What of a file is to be mended where a broker and we do not come together. */
export interface ConnectionHelp {
  /** Of the section of the source or the sink. */
  readonly option: string;
  readonly remedy: string;
}

interface Rule extends ConnectionHelp {
  readonly when: RegExp;
}

const RULES: readonly Rule[] = [
  {
    when: /^CLIENT_CERTIFICATE$/,
    option: "ssl-cert",
    remedy:
      "Write ssl-cert: and ssl-key: with the paths of PEM files of a certificate that is not over, signed by an authority that the brokers know (their ssl.truststore)",
  },
  {
    when: /SELF_SIGNED|UNABLE_TO_/,
    option: "ssl-ca",
    remedy: "Write ssl-ca: with the path of the PEM file of the authority that signed it",
  },
  {
    when: /ALTNAME_INVALID/,
    option: "properties.bootstrap.servers",
    remedy:
      "Write the names that it is for, as the brokers' advertised.listeners too, or ssl-mode: verify-ca",
  },
  {
    when: /^UNSUPPORTED_VERSION$/,
    option: "properties.bootstrap.servers",
    remedy: "Take the brokers to Apache Kafka 3.0 or later, or name a cluster that is",
  },
  {
    when: /^TLS_WANTED$/,
    option: "properties.security.protocol",
    remedy:
      "Write SSL there, or SASL_SSL with a login, or name the port of a listener without TLS in properties.bootstrap.servers",
  },
  {
    when: /^ILLEGAL_SASL_STATE$/,
    option: "username",
    remedy:
      "Take out username and password (PLAINTEXT or SSL instead of SASL_… in properties.security.protocol), or name the port of a listener that asks for a login in properties.bootstrap.servers",
  },
  {
    when: /^UNSUPPORTED_SASL_MECHANISM$/,
    option: "properties.sasl.mechanism",
    remedy: "Write one that the brokers take, or have them take this one (sasl.enabled.mechanisms)",
  },
  {
    when: /^SASL_AUTHENTICATION_FAILED$/,
    option: "password",
    remedy: "Mend username and password, or properties.sasl.mechanism",
  },
];

/** Pure: what helps against a fault, where an option does. */
export function connectionHelp({ id, kind }: KafkaFault): ConnectionHelp | null {
  if (kind !== "config") return null;
  const found = RULES.find(({ when }) => when.test(id));
  return found === undefined ? null : { option: found.option, remedy: found.remedy };
}
