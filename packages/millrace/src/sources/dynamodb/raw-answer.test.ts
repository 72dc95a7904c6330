import { Readable } from "node:stream";
import { crc32 } from "node:zlib";
import { DynamoDBClient, ScanCommand } from "@aws-sdk/client-dynamodb";
import { DynamoDBStreamsClient, GetRecordsCommand } from "@aws-sdk/client-dynamodb-streams";
import { HttpResponse } from "@smithy/core/protocols";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { AttributeValue, Item } from "./api.ts";
import { readAnswer } from "./raw-answer.ts";
import { ServiceFault } from "./service-fault.ts";

function answer(
  body: string | Buffer,
  {
    statusCode = 200,
    headers = {},
  }: { statusCode?: number; headers?: Record<string, string> } = {},
): HttpResponse {
  const bytes = Buffer.from(body);
  // In pieces, cut anywhere, as a socket gives them.
  const pieces = [bytes.subarray(0, 7), bytes.subarray(7)].filter(({ length }) => length > 0);
  return new HttpResponse({ statusCode, headers, body: Readable.from(pieces) });
}

async function faultOf(response: HttpResponse): Promise<ServiceFault> {
  const error: unknown = await readAnswer(response).then(
    () => null,
    (thrown: unknown) => thrown,
  );
  if (error instanceof ServiceFault) return error;
  throw new Error("it was not refused");
}

const text = fc.string({ unit: "grapheme", maxLength: 8 });
const bytes = fc.uint8Array({ maxLength: 6 }).map((value) => Buffer.from(value).toString("base64"));
const number = fc.constantFrom("0", "-1.5", "12345678901234567890123456789012345678", "1E-130");
const { value } = fc.letrec<{ value: AttributeValue }>((tie) => ({
  value: fc.oneof(
    { depthSize: "small" },
    text.map((S) => ({ S })),
    number.map((N) => ({ N })),
    bytes.map((B) => ({ B })),
    fc.boolean().map((BOOL) => ({ BOOL })),
    fc.constant({ NULL: true as const }),
    fc.array(text, { minLength: 1, maxLength: 3 }).map((SS) => ({ SS })),
    fc.array(number, { minLength: 1, maxLength: 3 }).map((NS) => ({ NS })),
    fc.array(bytes, { minLength: 1, maxLength: 3 }).map((BS) => ({ BS })),
    fc.array(tie("value"), { maxLength: 3 }).map((L) => ({ L })),
    fc.dictionary(text, tie("value"), { maxKeys: 3 }).map((M) => ({ M })),
  ),
}));
const item = fc.dictionary(text, value, { maxKeys: 5 });

/** What the SDK made of an answer, in the spelling of the wire again. */
function respelt(read: unknown): unknown {
  if (read instanceof Uint8Array) return Buffer.from(read).toString("base64");
  if (read instanceof Date) return read.getTime() / 1_000;
  if (Array.isArray(read)) return read.map(respelt);
  if (typeof read !== "object" || read === null) return read;
  const members = Object.entries(read).filter(([, member]) => member !== undefined);
  return Object.fromEntries(members.map(([name, member]) => [name, respelt(member)]));
}

function sdk(body: string) {
  const requestHandler = { handle: () => Promise.resolve({ response: answer(body) }) };
  const credentials = { accessKeyId: "test", secretAccessKey: "test" };
  return { region: "eu-west-1", credentials, requestHandler };
}

describe("our reading of an answer beside the SDK's own", () => {
  it("has the same items of a Scan, whatever is in them", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(item, { maxLength: 3 }), item, async (Items, LastEvaluatedKey) => {
        const body = JSON.stringify({ Count: Items.length, Items, LastEvaluatedKey });
        const ours = await readAnswer(answer(body));
        const client = new DynamoDBClient(sdk(body));
        const { $metadata, ...theirs } = await client.send(
          new ScanCommand({ TableName: "orders" }),
        );
        expect($metadata.httpStatusCode).toBe(200);
        expect(ours.body).toEqual(respelt(theirs));
      }),
      { numRuns: 60 },
    );
  });

  it("has the same records of a stream", async () => {
    const record = fc.record({ Keys: item, NewImage: item, OldImage: item }).map(recordOf);
    await fc.assert(
      fc.asyncProperty(fc.array(record, { maxLength: 3 }), async (Records) => {
        const body = JSON.stringify({ Records, NextShardIterator: "next" });
        const ours = await readAnswer(answer(body));
        const client = new DynamoDBStreamsClient(sdk(body));
        const { $metadata, ...theirs } = await client.send(
          new GetRecordsCommand({ ShardIterator: "this" }),
        );
        expect($metadata.httpStatusCode).toBe(200);
        expect(ours.body).toEqual(respelt(theirs));
      }),
      { numRuns: 40 },
    );
  });
});

function recordOf(images: { Keys: Item; NewImage: Item; OldImage: Item }) {
  return {
    awsRegion: "eu-west-1",
    dynamodb: {
      ApproximateCreationDateTime: 1_700_000_000,
      ...images,
      SequenceNumber: "111100000000000000000000001",
      SizeBytes: 26,
      StreamViewType: "NEW_AND_OLD_IMAGES",
    },
    eventID: "7de3041dd709b024af6f29e4fa13d34c",
    eventName: "MODIFY",
    eventSource: "aws:dynamodb",
    eventVersion: "1.1",
    userIdentity: { PrincipalId: "dynamodb.amazonaws.com", Type: "Service" },
  };
}

describe("an answer", () => {
  it("tells its size and the service's clock", async () => {
    const date = "Sun, 22 Nov 2026 10:00:00 GMT";
    const read = await readAnswer(answer("{}", { headers: { date } }));
    expect(read).toMatchObject({ bytes: 2, timeMs: Date.parse(date) });
    expect((await readAnswer(answer("{}"))).timeMs).toBeNull();
  });

  it("that is a page, cut short, or damaged is nobody's, and is asked for again", async () => {
    const damaged = { headers: { "x-amz-crc32": String(crc32("{ }")) } };
    for (const response of [
      answer("<html>busy</html>", { statusCode: 503 }),
      answer("<html>fine</html>"),
      answer('{"Items": [{"id":'),
      answer("[]"),
      answer("{}", damaged),
    ])
      expect((await faultOf(response)).kind).toBe("lost");
    expect((await faultOf(answer("<html>slow down</html>", { statusCode: 429 }))).kind).toBe(
      "throttled",
    );
  });

  it("that explains a refused signature by the request's headers is told without them", async () => {
    const message =
      "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key " +
      "and signing method.\n\nThe Canonical String for this request should have been\n'POST\n/\n\nx-amz-security-token:t0ken\n'" +
      "\n\nThe String-to-Sign should have been\n'AWS4-HMAC-SHA256'\n";
    const body = JSON.stringify({ __type: "x#InvalidSignatureException", message });
    const fault = await faultOf(answer(body, { statusCode: 400 }));
    expect(fault.message).toMatch(/signing method\.$/);
    expect(fault.stack).not.toContain("t0ken");
  });

  it("that refuses has the service's code, however it is spelt", async () => {
    const inBody = JSON.stringify({
      __type: "com.amazonaws.dynamodb.v20120810#ThrottlingException",
      message: "Rate exceeded",
    });
    const fault = await faultOf(answer(inBody, { statusCode: 400 }));
    expect(fault).toMatchObject({
      code: "ThrottlingException",
      message: "Rate exceeded",
      status: 400,
    });
    const headers = { "x-amzn-errortype": "ExpiredTokenException:http://internal/" };
    const spelt = await faultOf(answer('{"Message":"over"}', { statusCode: 403, headers }));
    expect(spelt).toMatchObject({ code: "ExpiredTokenException", message: "over" });
  });
});
