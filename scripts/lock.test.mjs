import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { underLock } from "./lock.mjs";

let folder;
let lock;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "millrace-lock-"));
  lock = join(folder, "deep", "one.lock");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const nobodyWaits = () => expect.unreachable("somebody held the lock");

describe("a lock", () => {
  it("lets one in at a time, also of one process, and leaves nothing", async () => {
    const seen = [];
    const enter = (name) => async () => {
      seen.push(`${name} in`);
      await new Promise((resolve) => setTimeout(resolve, 20));
      seen.push(`${name} out`);
    };
    let waited = 0;
    await Promise.all([
      underLock(lock, nobodyWaits, enter("a")),
      underLock(lock, () => (waited += 1), enter("b")),
    ]);
    expect(seen).toEqual(["a in", "a out", "b in", "b out"]);
    expect(waited).toBe(1);
    expect(readdirSync(join(folder, "deep"))).toEqual([]);
  });

  it("is free again after a failure, whose error comes through", async () => {
    const failing = underLock(lock, nobodyWaits, () => Promise.reject(new Error("no")));
    await expect(failing).rejects.toThrow("no");
    expect(await underLock(lock, nobodyWaits, async () => 7)).toBe(7);
  });

  it("of a process that was killed is taken over", async () => {
    const held = `import { underLock } from ${JSON.stringify(new URL("lock.mjs", import.meta.url).href)};
      await underLock(process.argv[1], () => {}, () => new Promise(() => { console.log("held"); setInterval(() => {}, 1000); }));`;
    const args = ["--input-type=module", "-e", held, lock];
    const holder = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
    await once(holder.stdout, "data");
    expect(readFileSync(lock, "utf8")).toContain(String(holder.pid));
    const ended = once(holder, "exit");
    holder.kill("SIGKILL");
    await ended;
    expect(existsSync(lock)).toBe(true);
    expect(await underLock(lock, nobodyWaits, async () => "mine")).toBe("mine");
  });

  it.each([
    ["empty", () => ""],
    ["of an ended process", () => String(spawnSync(process.execPath, ["-e", ""]).pid)],
    ["of an earlier process of our number", () => `${process.pid} 1`],
  ])("that is %s is taken over", async (_name, content) => {
    await underLock(lock, nobodyWaits, async () => undefined);
    writeFileSync(lock, content());
    expect(await underLock(lock, nobodyWaits, async () => "mine")).toBe("mine");
  });
});
