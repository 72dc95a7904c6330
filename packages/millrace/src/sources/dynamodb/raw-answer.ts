import { Readable } from "node:stream";
import { crc32 } from "node:zlib";
import { HttpResponse } from "@smithy/core/protocols";
import type { HttpAnswer } from "./http-post.ts";
import { parseBody } from "../../formats/parse-body.ts";
import { ServiceFault } from "./service-fault.ts";

/*
 * In place of the SDK's deserialiser, which takes five times as long and turns numbers into its own shapes: one
 * JSON.parse over the body, in which DynamoDB's numbers are text.
 */

/** An answer as it came. */
export class RawAnswer {
  /** What the SDK's own steps write to. */
  readonly $metadata: Record<string, unknown> = {};
  readonly body: Readonly<Record<string, unknown>>;
  readonly bytes: number;
  /** The service's clock when it answered, milliseconds since 1970; null where the answer does not tell. */
  readonly timeMs: number | null;

  constructor(body: Readonly<Record<string, unknown>>, bytes: number, timeMs: number | null) {
    this.body = body;
    this.bytes = bytes;
    this.timeMs = timeMs;
  }
}

type Handler<Args, Output> = (
  args: Args,
) => Promise<{ readonly response: unknown; readonly output?: Output }>;

/** The step of the SDK that answers are read in; see {@link RAW_STEP}. */
export function rawStep<Args, Output extends object>(
  next: Handler<Args, Output>,
): Handler<Args, Output> {
  return async (args) => {
    const { response } = await next(args);
    const output = await readAnswer(response);
    // The client's types go on promising what its own step would have made; whoever sends takes a RawAnswer only.
    return { response, output: output as object as Output };
  };
}

/** Where {@link rawStep} belongs: it takes the place of the SDK's own. */
export const RAW_STEP = {
  step: "deserialize",
  name: "deserializerMiddleware",
  override: true,
} as const;

/** @throws ServiceFault where the answer is a refusal, or none. */
export async function readAnswer(response: unknown): Promise<RawAnswer> {
  if (!HttpResponse.isInstance(response)) throw new ServiceFault("NoAnswer", "there is no answer");
  try {
    const { statusCode, headers } = response;
    return answerOf({ statusCode, headers, bytes: await bytesOf(response.body) });
  } catch (error) {
    // The SDK's signer sets its clock by the answer that a refusal came in.
    if (error instanceof ServiceFault)
      Object.defineProperty(error, "$response", { value: response, enumerable: false });
    throw error;
  }
}

/** An answer whose body is there. @throws ServiceFault where it is a refusal, or none of the service's. */
export function answerOf({ statusCode, headers, bytes }: HttpAnswer): RawAnswer {
  const body = parsed(bytes, textOf(headers["x-amz-crc32"]));
  if (body === null) throw noJson(statusCode);
  if (statusCode >= 300) throw refusal(statusCode, textOf(headers["x-amzn-errortype"]), body);
  return new RawAnswer(body, bytes.length, timeOf(textOf(headers["date"])));
}

async function bytesOf(body: unknown): Promise<Buffer> {
  if (body instanceof Uint8Array) return Buffer.from(body);
  if (!(body instanceof Readable)) return Buffer.alloc(0);
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) if (chunk instanceof Uint8Array) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** Null where it is no JSON object: a proxy's page, half an answer, one that was damaged on its way. */
function parsed(bytes: Buffer, checksum: string | null): Record<string, unknown> | null {
  if (checksum !== null && Number(checksum) !== crc32(bytes)) return null;
  try {
    const body = parseBody(bytes);
    return isObject(body) ? body : null;
  } catch (thrown) {
    if (thrown instanceof SyntaxError) return null;
    throw thrown;
  }
}

/** Whatever status it has, nobody who knows the request has answered it: it is asked again. */
function noJson(status: number): ServiceFault {
  const code = status === 429 ? "Throttling" : "ServiceUnavailable";
  return new ServiceFault(code, `the answer (HTTP ${status}) is not the service's`, { status });
}

function refusal(
  status: number,
  header: string | null,
  body: Record<string, unknown>,
): ServiceFault {
  const type = header ?? textOf(body["__type"]) ?? textOf(body["code"]) ?? `HTTP ${status}`;
  const message = textOf(body["message"]) ?? textOf(body["Message"]) ?? "it says no more";
  return new ServiceFault(codeOf(type), message, { status });
}

/** `com.amazonaws.dynamodb.v20120810#ThrottlingException:http://…` is a ThrottlingException. */
function codeOf(type: string): string {
  const [named = type] = type.split(":");
  return named.slice(named.lastIndexOf("#") + 1);
}

function timeOf(date: string | null): number | null {
  const timeMs = Date.parse(date ?? "");
  return Number.isNaN(timeMs) ? null : timeMs;
}

function textOf(value: unknown): string | null {
  return typeof value === "string" && value !== "" ? value : null;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
