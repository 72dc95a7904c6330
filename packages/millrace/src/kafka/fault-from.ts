import {
  AuthenticationError,
  protocolErrors,
  protocolErrorsCodesById,
  ResponseError,
} from "@platformatic/kafka";
import { connectionText } from "./connection-words.ts";
import { KafkaFault, kindOf } from "./kafka-fault.ts";

/** What the library has thrown, as a fault; `where` names the broker. */
export function faultFrom(thrown: unknown, where: string): KafkaFault {
  if (thrown instanceof KafkaFault) return thrown;
  const chain = [...causesOf(thrown)];
  const id = chain.map((each) => textAt(each, "apiId")).find((each) => each !== "");
  const code = codeOf(chain);
  const login = loginText(chain, id, code);
  if (login !== null)
    return new KafkaFault("config", login.id, `broker ${where} ${login.text}`, thrown);
  if (id !== undefined)
    return new KafkaFault(kindOf(id), id, `${saidOf(chain, id)} (broker ${where})`, thrown);
  const alert = clientAlert(code);
  if (alert !== null)
    return new KafkaFault(
      "config",
      "CLIENT_CERTIFICATE",
      `broker ${where} wants a client certificate that an authority of its own has signed (it says ${alert})`,
      thrown,
    );
  if (wantsTls(chain))
    return new KafkaFault(
      "config",
      "TLS_WANTED",
      `broker ${where} speaks TLS at this listener, and was spoken to without`,
      thrown,
    );
  // Who shuts down in the midst of a handshake does the same.
  const breaksOff = chain.some((each) =>
    textAt(each, "message").startsWith("TLS handshake failed"),
  );
  if (!breaksOff && (code === "PLT_KFK_USER" || isCertificate(code)))
    return new KafkaFault("config", code, `broker ${where}: ${messageOf(chain)}`, thrown);
  return new KafkaFault(
    "connection",
    code === "" ? "NO_ANSWER" : code,
    connectionText(where, code, messageOf(chain)),
    thrown,
  );
}

/** What a broker adds to the error's name, a sentence mostly; else what the name means. */
function saidOf(chain: readonly unknown[], id: string): string {
  const said = chain.map((each) => textAt(each, "serverErrorMessage")).find((each) => each !== "");
  return said?.replace(/\.$/, "") ?? meaningOf(id);
}

/** The library throws away an answer that holds an error; it is in the error. Null where nobody has answered. */
export function answerIn(thrown: unknown): unknown {
  const cause: unknown = thrown instanceof KafkaFault ? thrown.cause : null;
  return cause instanceof ResponseError ? cause["response"] : null;
}

/** Brokers mostly add nothing to the error's name: what it means, where Kafka's own sentence does not say it. */
const MEANINGS: Readonly<Record<string, string>> = {
  NOT_ENOUGH_REPLICAS: "fewer replicas are in sync than min.insync.replicas asks for",
  NOT_ENOUGH_REPLICAS_AFTER_APPEND: "fewer replicas are in sync than min.insync.replicas asks for",
  KAFKA_STORAGE_ERROR: "the broker that leads it has lost the disk that it is on",
  LEADER_NOT_AVAILABLE: "no broker leads it: those that have it are down, or have lost its disk",
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
  const more = said === null || said === "" ? MEANINGS[id] : said;
  const detail = more === undefined ? what : `${what}: ${more}`;
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

/**
 * What a broker says of a login for good; null where nothing was said of one. The library calls whatever befalls a login a
 * failed one: connections that end meanwhile, and listeners that do not ask for any.
 */
function loginText(
  chain: readonly unknown[],
  id: string | undefined,
  code: string,
): { readonly id: string; readonly text: string } | null {
  if (id === "ILLEGAL_SASL_STATE") return { id, text: "asks for no login at this listener" };
  if (id === "UNSUPPORTED_SASL_MECHANISM") {
    const taken = mechanismsIn(chain);
    return {
      id,
      text: `does not take this SASL mechanism${taken === "" ? "" : `, only ${taken}`}`,
    };
  }
  const isRefused =
    id === "SASL_AUTHENTICATION_FAILED" ||
    (id === undefined && code === AuthenticationError.code && chain.some(isAuthentication));
  return isRefused
    ? { id: "SASL_AUTHENTICATION_FAILED", text: "refuses this user or password" }
    : null;
}

/** Of the answer to a handshake. */
function mechanismsIn(chain: readonly unknown[]): string {
  for (const each of chain) {
    if (!(each instanceof ResponseError)) continue;
    const answer: unknown = each["response"];
    if (typeof answer !== "object" || answer === null || !("mechanisms" in answer)) continue;
    if (Array.isArray(answer.mechanisms)) return answer.mechanisms.join(", ");
  }
  return "";
}

function isAuthentication(thrown: unknown): boolean {
  return textAt(thrown, "code") === AuthenticationError.code;
}

/** The innermost one says most. */
function codeOf(chain: readonly unknown[]): string {
  return chain.map((each) => textAt(each, "code")).findLast((each) => each !== "") ?? "";
}

/** The library knows it by the answer's first bytes. */
function wantsTls(chain: readonly unknown[]): boolean {
  return messageOf(chain) === "Broker requires TLS.";
}

/** What a server says in TLS of a client's certificate: none, one that it does not know, one that is over. */
function clientAlert(code: string): string | null {
  const [, alert] = /^ERR_SSL_.*ALERT_(.*CERTIFICATE.*|UNKNOWN_CA|ACCESS_DENIED)$/.exec(code) ?? [];
  return alert?.toLowerCase().replaceAll("_", " ") ?? null;
}

function isCertificate(code: string): boolean {
  return /CERT|^ERR_(TLS|SSL|OSSL)|SELF_SIGNED|UNABLE_TO_/.test(code);
}
