import { Sha256 } from "@smithy/core/checksum";
import { HttpRequest } from "@smithy/core/protocols";
import { SignatureV4 } from "@smithy/signature-v4";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Signer } from "./signature.ts";

const word = fc.stringMatching(/^[A-Za-z0-9/+=]{1,40}$/);
const keys = fc.record(
  { accessKeyId: fc.stringMatching(/^[A-Z0-9]{4,20}$/), secretAccessKey: word, sessionToken: word },
  { requiredKeys: ["accessKeyId", "secretAccessKey"] },
);
const scope = fc.record({
  region: fc.constantFrom("eu-west-1", "us-gov-east-1"),
  service: fc.constantFrom("dynamodb", "tagging"),
});
/** Requests of one signer: its key is kept for a day, and made anew with other credentials. */
const requests = fc.array(
  fc.record({
    keys,
    body: fc.string({ unit: "grapheme" }),
    path: fc.constantFrom("/", "/streams", "/a-b/c.d_e~f/"),
    target: fc.string({ minLength: 1, maxLength: 12 }).map((text) => `x${text}y`),
    timeMs: fc.integer({ min: 0, max: 4_000_000_000_000 }),
  }),
  { minLength: 1, maxLength: 4 },
);

describe("a signature of ours", () => {
  it("is the SDK's, whatever is signed", async () => {
    await fc.assert(
      fc.asyncProperty(scope, requests, async ({ region, service }, asked) => {
        const signer = new Signer({ region, service });
        for (const { keys: credentials, body, path, target, timeMs } of [...asked, ...asked]) {
          const headers = { host: "there:8000", "x-amz-target": target.replaceAll(/[\r\n]/g, "") };
          const sdk = new SignatureV4({
            credentials,
            region,
            service,
            sha256: Sha256,
            applyChecksum: false,
          });
          const request = new HttpRequest({ method: "POST", path, headers: { ...headers }, body });
          const signed = await sdk.sign(request, { signingDate: new Date(timeMs) });
          expect(signer.sign({ path, headers, body }, credentials, timeMs)).toEqual(signed.headers);
        }
      }),
      { numRuns: 100 },
    );
  });
});
