import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { exitCodeOf } from "./failure.ts";
import { RestClient } from "./rest-client.ts";

let server: Server | null = null;
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

async function listening(head: boolean): Promise<string> {
  const made = createServer((_, response) => {
    if (head) response.writeHead(200).write("{");
  });
  server = made;
  await new Promise<void>((resolve) => made.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(made.address() as AddressInfo).port}`;
}

describe("the address of a process", () => {
  it.each(["", "http://"])(
    "may be written as it was for --listen (%s127.0.0.1:…)",
    async (scheme) => {
      const { host } = new URL(await listening(true));
      const answer = new RestClient(`${scheme}${host}`, undefined, 300).get("/api/v1/pipelines");
      await expect(answer).rejects.toMatchObject({ code: "MR_ANSWER_LATE" });
    },
  );
});

describe("a process that does not answer in time", () => {
  it.each([false, true])(
    "is never told as one that is not there (after it began to answer: %s)",
    async (head) => {
      const url = await listening(head);
      const error: unknown = await new RestClient(url, undefined, 300)
        .post("/api/v1/pipelines/shop/pause")
        .catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({
        code: "MR_ANSWER_LATE",
        detail: `${url} took the request and has not answered in 0.3 s`,
        remedy: expect.stringContaining("millrace status"),
      });
      expect(exitCodeOf(error)).toBe(1);
    },
  );
});
