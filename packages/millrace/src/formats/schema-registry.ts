import { MillraceError } from "../errors/millrace-error.ts";
import type { RegistryOptions } from "./format.ts";

type Fetch = typeof fetch;

const CONTENT_TYPE = "application/vnd.schemaregistry.v1+json";
const CONFLICT = 409;
const TOO_MANY = 429;
const SERVER_FAULT = 500;

const NOT_FOUND = 404;

interface Answer {
  readonly status: number;
  readonly ok: boolean;
  readonly text: string;
}

/** A Confluent-compatible schema registry: calls whose answers never change are kept. */
export class SchemaRegistry {
  readonly #options: RegistryOptions;
  readonly #fetch: Fetch;
  readonly #ids = new Map<string, Promise<number>>();

  constructor(options: RegistryOptions, fetcher: Fetch = fetch) {
    this.#options = options;
    this.#fetch = fetcher;
  }

  /**
   * The id of a schema under a subject: registered where that is allowed, else only looked up.
   * @throws MillraceError MR_REGISTRY_LOST, MR_REGISTRY_INCOMPATIBLE, MR_REGISTRY_REFUSED
   */
  idOf(subject: string, schema: string): Promise<number> {
    const name = `${subject}\u0000${schema}`;
    const known = this.#ids.get(name);
    if (known !== undefined) return known;
    const asked = this.#ask(subject, schema);
    this.#ids.set(name, asked);
    // What failed is asked again the next time.
    asked.catch(() => this.#ids.delete(name));
    return asked;
  }

  /**
   * Whether {@link idOf} would have an answer, without registering anything.
   * @throws MillraceError as it does.
   */
  async check(subject: string, schema: string): Promise<void> {
    if (!this.#options.register) return void (await this.idOf(subject, schema));
    const path = `/compatibility/subjects/${encodeURIComponent(subject)}/versions/latest`;
    const { status, ok, text } = await this.#post(`${path}?verbose=true`, { schema });
    // A subject that is not there yet takes any schema.
    if (status === NOT_FOUND) return;
    if (!ok) throw refusal(status, text, subject);
    if (Reflect.get(parsed(text), "is_compatible") !== false) return;
    const detail = `subject ${subject}: the schema is not compatible with the one that is there`;
    throw new MillraceError("MR_REGISTRY_INCOMPATIBLE", detail, { facts: { subject } });
  }

  async #ask(subject: string, schema: string): Promise<number> {
    const path = `/subjects/${encodeURIComponent(subject)}`;
    const { register } = this.#options;
    const { status, ok, text } = await this.#post(register ? `${path}/versions` : path, { schema });
    if (!ok) throw refusal(status, text, subject);
    const id = idIn(text);
    if (id === null)
      throw new MillraceError("MR_REGISTRY_LOST", "the registry's answer has no schema id");
    return id;
  }

  /** The first of the addresses that answers. */
  async #post(path: string, asked: object): Promise<Answer> {
    const body = JSON.stringify(asked);
    let last: unknown = null;
    for (const url of this.#options.urls) {
      try {
        const answer = await this.#fetch(`${url.replace(/\/+$/, "")}${path}`, {
          method: "POST",
          body,
          headers: { "content-type": CONTENT_TYPE, accept: CONTENT_TYPE, ...this.#authorization() },
          signal: AbortSignal.timeout(this.#options.timeoutMs),
        });
        const { status, ok } = answer;
        const text = await answer.text();
        if (status < SERVER_FAULT || url === this.#options.urls.at(-1)) return { status, ok, text };
      } catch (error) {
        last = error;
      }
    }
    throw new MillraceError("MR_REGISTRY_LOST", "no address of the registry answers", {
      cause: last,
    });
  }

  #authorization(): Readonly<Record<string, string>> {
    const { auth } = this.#options;
    if (auth === null) return {};
    if (auth.kind === "bearer") return { authorization: `Bearer ${auth.token}` };
    const pair = Buffer.from(`${auth.username}:${auth.password}`).toString("base64");
    return { authorization: `Basic ${pair}` };
  }
}

/** What an answer that is no id means. The registry's own words name schemas, never values. */
function refusal(status: number, text: string, subject: string): MillraceError {
  const facts = { subject, status };
  const says = messageIn(text);
  const detail = `subject ${subject}: HTTP ${status}${says === null ? "" : `, ${says}`}`;
  if (status === CONFLICT) return new MillraceError("MR_REGISTRY_INCOMPATIBLE", detail, { facts });
  const isPassing = status >= SERVER_FAULT || status === TOO_MANY;
  return new MillraceError(isPassing ? "MR_REGISTRY_LOST" : "MR_REGISTRY_REFUSED", detail, {
    facts,
  });
}

function parsed(text: string): object {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? value : {};
  } catch {
    return {};
  }
}

function idIn(text: string): number | null {
  const id: unknown = Reflect.get(parsed(text), "id");
  return typeof id === "number" && Number.isInteger(id) ? id : null;
}

const MAX_WORDS = 300;

function messageIn(text: string): string | null {
  const message: unknown = Reflect.get(parsed(text), "message");
  return typeof message === "string" ? message.slice(0, MAX_WORDS) : null;
}
