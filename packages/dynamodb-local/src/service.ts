/** The way of a request: read, known by its key, struck by faults, answered, noted. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { setTimeout as pause } from "node:timers/promises";
import type { Principal, Principals } from "./access/principals.ts";
import { checkSignature, readAuthorization, type Authorization } from "./access/signature.ts";
import type { Clock } from "./clock.ts";
import type { CallLog } from "./control/counters.ts";
import type { FaultBook, FaultList } from "./control/faults.ts";
import { newRequestId, readIncoming, send, type Incoming, type Outgoing } from "./http/exchange.ts";
import { aimOf, type Aim } from "./http/aim.ts";
import type { Realms } from "./realms.ts";
import { Refusal } from "./rules/refusal.ts";
import { refuse } from "./rules/table.ts";
import { handlers } from "./handlers.ts";
import type { Sts } from "./sts/sts.ts";
import { stsAnswer, stsRefusal } from "./sts/xml.ts";

/** What the service is made of. */
export interface ServiceParts {
  readonly realms: Realms;
  readonly principals: Principals;
  readonly faults: FaultList;
  readonly log: CallLog;
  readonly clock: Clock;
  readonly sts: Sts;
}

/** Who asks, and where. */
interface Caller {
  readonly principal: Principal | undefined;
  readonly region: string;
}

/** An answer, or `cut` where there is none. */
type Reply = Outgoing | "cut";

/** Answers requests of all four services. */
export class Service {
  readonly #parts: ServiceParts;

  constructor(parts: ServiceParts) {
    this.#parts = parts;
  }

  /** Answers one; never rejects. */
  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const requestId = newRequestId();
    try {
      const incoming = await readIncoming(request);
      const reply =
        incoming === undefined ? tooLarge(requestId) : await this.#reply(incoming, requestId);
      if (reply === "cut") response.destroy();
      else send(response, reply, this.#parts.clock.nowMs());
    } catch {
      // Reading failed: the client is gone.
      response.destroy();
    }
  }

  async #reply(incoming: Incoming, requestId: string): Promise<Reply> {
    if (incoming.method === "GET") return healthy(requestId);
    const aim = aimOf(incoming);
    const caller: { principal: Principal | undefined; region: string } = {
      principal: undefined,
      region: "us-east-1",
    };
    let error: string | null = null;
    let reply: Reply = "cut";
    try {
      Object.assign(caller, this.#callerOf(incoming, aim));
      reply = await this.#answer(aim, caller, requestId);
    } catch (failure) {
      const refusal = asRefusal(failure);
      error = refusal.code;
      reply = refused(aim, refusal, requestId);
    }
    this.#note(aim, caller, reply, error);
    return reply;
  }

  #note(aim: Aim, caller: Caller, reply: Reply, error: string | null): void {
    this.#parts.log.note({
      at: new Date(this.#parts.clock.nowMs()).toISOString(),
      service: aim.service,
      action: aim.action,
      table: aim.table ?? null,
      accessKeyId: caller.principal?.accessKeyId ?? "",
      region: caller.region,
      status: reply === "cut" ? null : reply.status,
      error,
    });
  }

  #callerOf(incoming: Incoming, aim: Aim): Caller {
    // A web identity is asked for by who has no key yet.
    if (aim.action === "AssumeRoleWithWebIdentity")
      return { principal: undefined, region: "us-east-1" };
    const authorization = readAuthorization(incoming);
    const principal = this.#principalOf(incoming, authorization);
    return { principal, region: authorization.region };
  }

  #principalOf(incoming: Incoming, authorization: Authorization): Principal {
    const { principals, clock } = this.#parts;
    const token = incoming.headers["x-amz-security-token"];
    const principal = principals.find(
      authorization.accessKeyId,
      typeof token === "string" ? token : undefined,
    );
    if (principal.secretAccessKey !== undefined) {
      checkSignature(incoming, authorization, principal.secretAccessKey, clock.nowMs());
    }
    return principal;
  }

  async #answer(aim: Aim, caller: Caller, requestId: string): Promise<Reply> {
    const faults = this.#parts.faults.on(shapeOf(aim, caller));
    const delay = faults.first("delay");
    if (delay !== undefined) await pause(delay.delayMs);
    const cut = faults.first("cut");
    if (cut?.when === "before") return "cut";
    const page = faults.first("page");
    if (page !== undefined) return proxyPage(page.status ?? 503, requestId);
    refuseBy(faults, aim, caller);
    const reply =
      aim.service === "sts"
        ? this.#answerSts(aim, caller, requestId)
        : await this.#answerJson(aim, caller, faults, requestId);
    return cut?.when === "after" ? "cut" : reply;
  }

  #answerSts(aim: Aim, { principal }: Caller, requestId: string): Outgoing {
    const result = this.#parts.sts.answer(aim.action, aim.form, principal);
    const body = stsAnswer(aim.action, result, requestId);
    return { status: 200, contentType: "text/xml", body, requestId };
  }

  async #answerJson(
    aim: Aim,
    { principal, region }: Caller,
    faults: FaultBook,
    requestId: string,
  ): Promise<Outgoing> {
    const handler = handlers[aim.prefix]?.[aim.action];
    if (handler === undefined || principal === undefined) {
      throw refuse("unknownOperation", { action: aim.action === "" ? "that" : aim.action });
    }
    if (aim.request === undefined) throw refuse("serialization");
    const realm = this.#parts.realms.of(principal.account, region);
    const { action, request } = aim;
    const answer = await handler({ realm, principal, action, request, faults });
    const body = JSON.stringify(answer);
    return { status: 200, contentType: aim.contentType, body, requestId };
  }
}

/** Answers to clients that ask too early count as the service's failures, as any other error of ours. */
function asRefusal(failure: unknown): Refusal {
  if (failure instanceof Refusal) return failure;
  return new Refusal("InternalServerError", "Internal server error", 500);
}

function shapeOf(aim: Aim, { principal }: Caller): Parameters<FaultList["on"]>[0] {
  return {
    service: aim.service,
    action: aim.action,
    table: aim.table,
    resource: resourceOf(aim, principal),
    accessKeyId: principal?.accessKeyId ?? "",
  };
}

/** What IAM holds a policy's resource against. */
function resourceOf(aim: Aim, principal: Principal | undefined): string {
  if (aim.resource !== undefined) return aim.resource;
  if (aim.table === undefined || principal === undefined) return "*";
  return `arn:aws:dynamodb:${aim.region}:${principal.account}:table/${aim.table}`;
}

function refuseBy(faults: FaultBook, aim: Aim, { principal }: Caller): void {
  const deny = faults.first("deny");
  if (deny !== undefined) {
    throw refuse("denied", {
      principal: principal?.arn ?? "anonymous",
      action: `${aim.service}:${aim.action}`,
      resource: resourceOf(aim, principal),
    });
  }
  const error = faults.first("error");
  if (error !== undefined) {
    throw new Refusal(
      error.code,
      error.message ?? "Injected by the control port",
      error.status ?? 400,
    );
  }
}

function refused(aim: Aim, refusal: Refusal, requestId: string): Outgoing {
  if (aim.service === "sts") {
    const body = stsRefusal(refusal, requestId);
    return { status: refusal.status, contentType: "text/xml", body, requestId };
  }
  const { code, message, members, status } = refusal;
  const told = message === "" ? {} : { message };
  const body = JSON.stringify({ __type: `${aim.namespace}#${code}`, ...told, ...members });
  return { status, contentType: aim.contentType, body, requestId };
}

function proxyPage(status: number, requestId: string): Outgoing {
  const body = `<html><body><h1>${status} Service Unavailable</h1></body></html>`;
  return { status, contentType: "text/html", body, requestId };
}

function healthy(requestId: string): Outgoing {
  const body = "healthy: dynamodb-local ";
  return { status: 200, contentType: "text/plain", body, requestId };
}

function tooLarge(requestId: string): Outgoing {
  return { status: 413, contentType: "text/plain", body: "", requestId };
}
