import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { endLeftovers, startCli } from "./cli.fixture.ts";

describe("Ctrl-C", () => {
  let silent: Server;
  let folder: string;
  let file: string;
  /** Into a sink that can be compared. */
  let compared: string;
  const asked = new Set<() => void>();

  beforeAll(async () => {
    // A server that takes connections and never says a word.
    silent = createServer((socket) => {
      socket.on("error", () => undefined);
      for (const heard of asked) heard();
    });
    await new Promise<void>((resolve) => {
      silent.listen(0, "127.0.0.1", resolve);
    });
    const address = silent.address();
    const port = typeof address === "object" ? (address?.port ?? 0) : 0;
    folder = mkdtempSync(join(tmpdir(), "millrace-interrupted-"));
    file = join(folder, "shop.yaml");
    const server = `  hostname: 127.0.0.1\n  port: ${port}\n  username: u\n  password: p\n  ssl-mode: disable\n`;
    compared = join(folder, "compared.yaml");
    const source = `source:\n  type: postgres\n${server}  tables: shop.public.orders\n`;
    const pipeline = "pipeline:\n  name: shop\n";
    writeFileSync(file, `${source}sink:\n  type: jsonl\n  path: ${folder}/out\n${pipeline}`);
    writeFileSync(
      compared,
      `${source}sink:\n  type: postgres\n${server}  database: shop\n${pipeline}`,
    );
  });
  afterEach(endLeftovers);
  afterAll(() => {
    silent.close();
    rmSync(folder, { recursive: true });
  });

  it.each([
    ["verify", [], "SIGINT", 130, "the comparison was not finished"],
    ["validate", ["--connect"], "SIGINT", 130, "not everything was looked at"],
    ["plan", [], "SIGINT", 130, "the plan was not finished"],
    ["cleanup", ["--state"], "SIGTERM", 143, "the same command drops the rest"],
  ] as const)(
    "ends %s at once, though a server does not answer, and is no failure of ours",
    async (command, flags, signal, code, left) => {
      const reached = new Promise<void>((resolve) => asked.add(resolve));
      const { child, result } = startCli([
        command,
        command === "verify" ? compared : file,
        ...flags,
      ]);
      await reached;
      child.kill(signal);
      const ended = await result;
      expect(ended).toMatchObject({ code, stdout: "" });
      expect(ended.stderr).toMatch(new RegExp(`^stopped by ${signal}: .*${left}`));
      expect(ended.stderr.trimEnd().split("\n")).toHaveLength(1);
    },
  );
});
