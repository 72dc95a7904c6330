/** What has become of a connection, for people; codes of systems and libraries say it to nobody else. */
import { KafkaFault } from "./kafka-fault.ts";

interface Words {
  readonly when: RegExp;
  readonly tell: (broker: string) => string;
}

const WORDS: readonly Words[] = [
  { when: /\bECONNREFUSED\b/, tell: (broker) => `nobody listens at ${broker}` },
  { when: /\bENOTFOUND\b/, tell: (broker) => `there is no host of the name ${hostOf(broker)}` },
  {
    when: /\bEAI_AGAIN\b/,
    tell: (broker) =>
      `the name ${hostOf(broker)} cannot be looked up: the name service does not answer`,
  },
  { when: /\b(?:EHOSTUNREACH|ENETUNREACH)\b/, tell: (broker) => `there is no way to ${broker}` },
  {
    when: /\bETIMEDOUT\b|PLT_KFK_TIMEOUT|timed out/i,
    tell: (broker) => `broker ${broker} has not answered in time`,
  },
  {
    when: /\b(?:ECONNRESET|EPIPE)\b|connection closed|TLS handshake failed/i,
    tell: (broker) => `broker ${broker} has closed the connection`,
  },
];

/** A name has no port. */
function hostOf(broker: string): string {
  return broker.replace(/:\d+$/, "");
}

/** Pure: what a failed connection is told as; `said` is its code and what its innermost error says. */
export function connectionText(broker: string, code: string, said: string): string {
  const text = `${code} ${said}`;
  return WORDS.find(({ when }) => when.test(text))?.tell(broker) ?? `broker ${broker}: ${said}`;
}

/** Besides, where the very first request was not answered. */
const PERHAPS_NO_KAFKA =
  "perhaps no Kafka is there, or this listener wants TLS (properties.security.protocol)";

/** Besides, where the TLS handshake is broken off and nobody was reached so far. */
const PERHAPS_NO_TLS =
  "perhaps this listener speaks no TLS, or its port is another one's (properties.security.protocol, properties.bootstrap.servers)";

/** Besides, where a broker says what it speaks, and hangs up at all else. */
const PERHAPS_LOGIN =
  "perhaps this listener wants a login (username, password and properties.sasl.mechanism, or SASL_… in properties.security.protocol)";

/** What the options may have to do with a connection that ended, and by which id it is known. */
const SUSPICIONS = {
  NO_KAFKA: PERHAPS_NO_KAFKA,
  NO_TLS: PERHAPS_NO_TLS,
  NO_LOGIN: PERHAPS_LOGIN,
} as const;

/** Pure: a broker has ended the connection without a word. */
export function hungUp({ kind, id }: KafkaFault): boolean {
  return kind === "connection" && /^(?:ECONNRESET|EPIPE|PLT_KFK_NETWORK|PLT_KFK_USER)$/.test(id);
}

/** The same fault, with what may be wrong in the file besides: who shuts down just now looks no different. */
export function suspecting(fault: KafkaFault, what: keyof typeof SUSPICIONS): KafkaFault {
  return new KafkaFault("connection", what, `${fault.message}; ${SUSPICIONS[what]}`, fault);
}
