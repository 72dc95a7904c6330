import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { readCommand } from "./cli-options.ts";
import { isFields, textIn } from "./json.ts";
import { clientsOf } from "./testing/clients.ts";

const PROGRAM = fileURLToPath(new URL("cli.ts", import.meta.url));

async function run(...args: readonly string[]) {
  const child = spawn(process.execPath, ["--conditions=source", PROGRAM, ...args]);
  const ended = once(child, "exit");
  let [out, said] = ["", ""];
  child.stdout.on("data", (text) => (out += String(text)));
  child.stderr.on("data", (text) => (said += String(text)));
  await Promise.race([once(child.stdout, "data"), ended]);
  return { child, ended, out: () => out, said: () => said };
}

// Starting a process takes its time on a busy machine.
describe("the command", { timeout: 120_000 }, () => {
  it("says where it is, answers there, and ends by SIGTERM", async () => {
    const { child, ended, out } = await run("--port", "0", "--control", "127.0.0.1:0", "--json");
    try {
      const line: unknown = JSON.parse(out());
      const url = isFields(line) ? (textIn(line, "url") ?? "") : "";
      const { dynamodb } = clientsOf(url);
      expect((await dynamodb.listTables({})).TableNames).toEqual([]);
      dynamodb.destroy();
      expect(line).toMatchObject({ host: "127.0.0.1", control: expect.stringMatching(/^http/) });
    } finally {
      child.kill("SIGTERM");
    }
    expect(await ended).toEqual([0, null]);
  });

  it("ends with 1 and a sentence where its port is taken", async () => {
    const taken = createServer().listen(0, "127.0.0.1");
    await once(taken, "listening");
    const address = taken.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    const { ended, said } = await run("--port", String(port));
    expect(await ended).toEqual([1, null]);
    expect(said()).toBe(`dynamodb-local: port ${port} is taken; use --port N\n`);
    taken.close();
  });
});

describe("the command line", () => {
  it("becomes options", () => {
    const args = [
      "--port",
      "1",
      "--key",
      "a:b:222222222222",
      "--key",
      "c:d",
      "--shards",
      "3",
      "--throttle",
      "--stream-limits",
    ];
    expect(readCommand(args)).toEqual({
      kind: "run",
      json: false,
      options: {
        port: 1,
        credentials: [
          { accessKeyId: "a", secretAccessKey: "b", account: "222222222222" },
          { accessKeyId: "c", secretAccessKey: "d" },
        ],
        shards: 3,
        throttle: true,
        streamLimits: true,
      },
    });
    expect(readCommand([])).toMatchObject({ options: { port: 8_000 } });
    expect(readCommand(["--help"])).toMatchObject({ kind: "help" });
  });

  it("is refused with all of its problems, and without a secret in them", () => {
    const command = readCommand([
      "--port",
      "70000",
      "--account",
      "1",
      "--key",
      "secret",
      "--shards",
      "0",
    ]);
    expect(command).toEqual({
      kind: "invalid",
      problems: [
        "--port: 70000 is not a port; use 0 to 65535",
        "--account: 1 is not twelve digits",
        "--key: expected ID:SECRET or ID:SECRET:ACCOUNT, the account in twelve digits",
        "--shards: 0 is not a whole number from 1 on",
      ],
    });
    expect(readCommand(["--nonsense"])).toMatchObject({ kind: "invalid" });
  });
});
