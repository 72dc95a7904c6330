import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import avsc from "avsc";

/** A version of a subject. */
interface Registered {
  readonly id: number;
  readonly schema: string;
}

/** What a subject's new schemas have to be able to do; `FORWARD` is the other way around. */
export type Compatibility = "NONE" | "BACKWARD" | "FORWARD" | "FULL";

/**
 * A schema registry as tests need it: Confluent's calls, with the compatibility that a real one holds a subject to,
 * checked by avsc.
 */
export class SchemaRegistryServer {
  compatibility: Compatibility = "BACKWARD";
  /** Wanted of each request; null: anybody may. */
  authorization: string | null = null;
  /** Answered to the next requests in place of what they ask for. */
  readonly failures: number[] = [];
  readonly requests: string[] = [];
  readonly #subjects = new Map<string, Registered[]>();
  readonly #schemas: string[] = [];
  readonly #server: Server;

  private constructor() {
    this.#server = createServer((request, response) => {
      void this.#answer(request).then(({ status, body }) => {
        response.writeHead(status, { "content-type": "application/vnd.schemaregistry.v1+json" });
        response.end(JSON.stringify(body));
      });
    });
  }

  static async start(): Promise<SchemaRegistryServer> {
    const registry = new SchemaRegistryServer();
    await new Promise<void>((resolve) => registry.#server.listen(0, "127.0.0.1", resolve));
    return registry;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  get subjects(): readonly string[] {
    return [...this.#subjects.keys()].toSorted();
  }

  /** The schema with this id. */
  schema(id: number): string {
    const found = this.#schemas[id - 1];
    if (found === undefined) throw new Error(`no schema ${id}`);
    return found;
  }

  close(): Promise<void> {
    this.#server.closeAllConnections();
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }

  async #answer(request: IncomingMessage): Promise<{ status: number; body: object }> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    this.requests.push(`${request.method ?? ""} ${request.url ?? ""}`);
    const failure = this.failures.shift();
    if (failure !== undefined) return said(failure, failure, "scripted");
    if (this.authorization !== null && request.headers.authorization !== this.authorization)
      return said(401, 40101, "Unauthorized");
    const [, checked] =
      /^\/compatibility\/subjects\/([^/]+)\/versions\/latest/.exec(request.url ?? "") ?? [];
    if (checked !== undefined) return this.#check(decodeURIComponent(checked), schemaIn(chunks));
    const [, encoded, versions] =
      /^\/subjects\/([^/]+)(\/versions)?$/.exec(request.url ?? "") ?? [];
    if (encoded === undefined) return said(404, 404, "not found");
    const schema = schemaIn(chunks);
    const subject = decodeURIComponent(encoded);
    return versions === undefined ? this.#find(subject, schema) : this.#register(subject, schema);
  }

  #find(subject: string, schema: string): { status: number; body: object } {
    const known = this.#subjects.get(subject);
    if (known === undefined) return said(404, 40401, `Subject '${subject}' not found.`);
    const found = known.find((one) => one.schema === schema);
    return found === undefined
      ? said(404, 40403, "Schema not found")
      : { status: 200, body: { subject, id: found.id, version: 1, schema } };
  }

  #check(subject: string, schema: string): { status: number; body: object } {
    const latest = this.#subjects.get(subject)?.at(-1);
    if (latest === undefined) return said(404, 40401, `Subject '${subject}' not found.`);
    return { status: 200, body: { is_compatible: this.#fits(schema, latest.schema) } };
  }

  #register(subject: string, schema: string): { status: number; body: object } {
    const known = this.#subjects.get(subject) ?? [];
    const found = known.find((one) => one.schema === schema);
    if (found !== undefined) return { status: 200, body: { id: found.id } };
    const latest = known.at(-1);
    if (latest !== undefined && !this.#fits(schema, latest.schema))
      return said(409, 409, "Schema being registered is incompatible with an earlier schema");
    const at = this.#schemas.indexOf(schema);
    const id = at === -1 ? this.#schemas.push(schema) : at + 1;
    this.#subjects.set(subject, [...known, { id, schema }]);
    return { status: 200, body: { id } };
  }

  #fits(next: string, latest: string): boolean {
    switch (this.compatibility) {
      case "NONE":
        return true;
      case "BACKWARD":
        return reads(next, latest);
      case "FORWARD":
        return reads(latest, next);
      case "FULL":
        return reads(next, latest) && reads(latest, next);
    }
  }
}

function schemaIn(chunks: readonly Buffer[]): string {
  return (JSON.parse(Buffer.concat(chunks).toString("utf8")) as { schema: string }).schema;
}

function said(status: number, code: number, message: string): { status: number; body: object } {
  return { status, body: { error_code: code, message } };
}

/** Whether who has the one schema can read what was written with the other. */
function reads(reader: string, writer: string): boolean {
  const parse = (schema: string): avsc.Type =>
    avsc.Type.forSchema(JSON.parse(schema) as avsc.Schema);
  try {
    parse(reader).createResolver(parse(writer));
    return true;
  } catch {
    return false;
  }
}
