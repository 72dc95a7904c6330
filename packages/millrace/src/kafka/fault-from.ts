import { protocolErrors, protocolErrorsCodesById, ResponseError } from "@platformatic/kafka";
import { connectionText } from "./connection-words.ts";
import { KafkaFault, kindOf } from "./kafka-fault.ts";

/** What the library has thrown, as a fault; `where` names the broker. */
export function faultFrom(thrown: unknown, where: string): KafkaFault {
  if (thrown instanceof KafkaFault) return thrown;
  const chain = [...causesOf(thrown)];
  const id = chain.map((each) => textAt(each, "apiId")).find((each) => each !== "");
  const said = chain.map((each) => textAt(each, "serverErrorMessage")).find((each) => each !== "");
  if (id === "SASL_AUTHENTICATION_FAILED" || chain.some(isAuthentication))
    return new KafkaFault(
      "config",
      "SASL_AUTHENTICATION_FAILED",
      `broker ${where} refuses this user or password`,
      thrown,
    );
  if (id !== undefined)
    return new KafkaFault(kindOf(id), id, `${said ?? meaningOf(id)} (broker ${where})`, thrown);
  const code = codeOf(chain);
  const alert = clientAlert(code);
  if (alert !== null)
    return new KafkaFault(
      "config",
      "CLIENT_CERTIFICATE",
      `broker ${where} wants a client certificate that an authority of its own has signed (it says ${alert})`,
      thrown,
    );
  if (code === "PLT_KFK_USER" || isCertificate(code))
    return new KafkaFault("config", code, `broker ${where}: ${messageOf(chain)}`, thrown);
  return new KafkaFault(
    "connection",
    code === "" ? "NO_ANSWER" : code,
    connectionText(where, code, messageOf(chain)),
    thrown,
  );
}

/** The library throws away an answer that holds an error; it is in the error. Null where nobody has answered. */
export function answerIn(thrown: unknown): unknown {
  const cause: unknown = thrown instanceof KafkaFault ? thrown.cause : null;
  return cause instanceof ResponseError ? cause["response"] : null;
}

/** Brokers mostly add nothing to the error's name: what it means, where Kafka's own sentence does not say it. */
const MEANINGS: Readonly<Record<string, string>> = {
  OFFSET_NOT_AVAILABLE:
    "who leads the partition since a moment ago does not know yet where it ends, as long as too few replicas are in sync (min.insync.replicas)",
};

function meaningOf(id: string): string {
  return MEANINGS[id] ?? protocolErrors[id]?.message.replace(/\.$/, "") ?? "said";
}

/**
 * What has ended a connection that was open, where that says more than "closed": with TLS 1.3 a client's certificate is looked
 * at behind the handshake. Anything else that befalls bytes under way is a lost connection; null.
 */
export function refusalOf(thrown: unknown, where: string): KafkaFault | null {
  return clientAlert(codeOf([...causesOf(thrown)])) === null ? null : faultFrom(thrown, where);
}

/**
 * What a broker has said of one partition, topic or transaction; null where all is well.
 * @param what it is about, for people
 */
export function faultOf(
  code: number,
  what: string,
  said: string | null = null,
  topic: string | null = null,
): KafkaFault | null {
  if (code === 0) return null;
  const id = protocolErrorsCodesById[code] ?? `ERROR_${code}`;
  const detail = said === null || said === "" ? what : `${what}: ${said}`;
  return new KafkaFault(kindOf(id), id, detail, undefined, topic);
}

/** As {@link faultOf}, of one partition: a right is one of its topic, and nothing that the broker says besides is news. */
export function partitionFault(
  { topic, partition }: { readonly topic: string; readonly partition: number },
  code: number,
  said: string | null = null,
): KafkaFault | null {
  const fault = faultOf(code, `${topic} ${partition}`, said, topic);
  return fault?.kind === "rights" ? rightsOf(topic, fault) : fault;
}

/** That something may not be done with a topic, in the same words wherever it is found. */
export function rightsOf(topic: string, cause?: unknown): KafkaFault {
  return new KafkaFault("rights", "TOPIC_AUTHORIZATION_FAILED", `topic ${topic}`, cause);
}

/** A topic is not the one that was looked at, though it has its name. */
export function anotherTopic(topic: string): KafkaFault {
  return new KafkaFault(
    "replaced",
    "TOPIC_MADE_ANEW",
    `${topic} is another topic of that name than the one that this run has looked at`,
    undefined,
    topic,
  );
}

/** The error, what it holds and what caused it, from the outside in. */
function* causesOf(thrown: unknown, depth = 0): Generator {
  if (typeof thrown !== "object" || thrown === null || depth > 6) return;
  yield thrown;
  const errors: unknown = Reflect.get(thrown, "errors");
  if (Array.isArray(errors)) for (const each of errors) yield* causesOf(each, depth + 1);
  yield* causesOf(Reflect.get(thrown, "cause"), depth + 1);
}

function textAt(thrown: unknown, name: string): string {
  const value: unknown =
    typeof thrown === "object" && thrown !== null ? Reflect.get(thrown, name) : "";
  return typeof value === "string" ? value : "";
}

/** The innermost one says most. */
function messageOf(chain: readonly unknown[]): string {
  return (
    chain.map((each) => textAt(each, "message")).findLast((each) => each !== "") ?? "no answer"
  );
}

function isAuthentication(thrown: unknown): boolean {
  return textAt(thrown, "code") === "PLT_KFK_AUTHENTICATION";
}

/** The innermost one says most. */
function codeOf(chain: readonly unknown[]): string {
  return chain.map((each) => textAt(each, "code")).findLast((each) => each !== "") ?? "";
}

/** What a server says in TLS of a client's certificate: none, one that it does not know, one that is over. */
function clientAlert(code: string): string | null {
  const [, alert] = /^ERR_SSL_.*ALERT_(.*CERTIFICATE.*|UNKNOWN_CA|ACCESS_DENIED)$/.exec(code) ?? [];
  return alert?.toLowerCase().replaceAll("_", " ") ?? null;
}

function isCertificate(code: string): boolean {
  return /CERT|^ERR_(TLS|SSL|OSSL)|SELF_SIGNED|UNABLE_TO_/.test(code);
}
