/** What has become of a connection, for people; codes of systems and libraries say it to nobody else. */
import type { KafkaFault } from "./kafka-fault.ts";

interface Words {
  readonly when: RegExp;
  readonly tell: (broker: string) => string;
}

const WORDS: readonly Words[] = [
  { when: /\bECONNREFUSED\b/, tell: (broker) => `nobody listens at ${broker}` },
  { when: /\bENOTFOUND\b/, tell: (broker) => `there is no host of the name in ${broker}` },
  {
    when: /\bEAI_AGAIN\b/,
    tell: (broker) => `the name in ${broker} cannot be looked up: the name service does not answer`,
  },
  { when: /\b(?:EHOSTUNREACH|ENETUNREACH)\b/, tell: (broker) => `there is no way to ${broker}` },
  {
    when: /\bETIMEDOUT\b|PLT_KFK_TIMEOUT|timed out/i,
    tell: (broker) => `broker ${broker} has not answered in time`,
  },
  {
    when: /\b(?:ECONNRESET|EPIPE)\b|connection closed/i,
    tell: (broker) => `broker ${broker} has closed the connection`,
  },
];

/** Pure: what a failed connection is told as; `said` is its code and what its innermost error says. */
export function connectionText(broker: string, code: string, said: string): string {
  const text = `${code} ${said}`;
  return WORDS.find(({ when }) => when.test(text))?.tell(broker) ?? `broker ${broker}: ${said}`;
}

/** Besides, where the very first request was not answered. */
export const PERHAPS_NO_KAFKA =
  "perhaps no Kafka is there, or this listener wants TLS (properties.security.protocol)";

const NOBODY = /^(?:ECONNREFUSED|ENOTFOUND|EHOSTUNREACH|ENETUNREACH|NO_KAFKA)$/;

/** What to do where a broker cannot be reached at all; null where its connections only come and go. */
export function unreachedRemedy({ id, kind }: KafkaFault): string | null {
  if (kind !== "connection" || !NOBODY.test(id)) return null;
  return "Nothing, while it is being retried; else look whether the brokers run, and correct properties.bootstrap.servers.";
}
