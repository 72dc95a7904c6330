import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { callersFolder } from "./run.mjs";
import { root } from "./setup.mjs";

let folder;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "millrace-run-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Starts `program` (a text) through runProgram, as the scripts of package.json do. */
function start(program, args = [], [command, ...before] = []) {
  const file = join(folder, "program.mjs");
  writeFileSync(file, program);
  const run = new URL("run.mjs", import.meta.url).href;
  const up = "../".repeat(20);
  const wrapper = `import { runProgram } from "${run}"; await runProgram(${JSON.stringify(`${up}${file}`)});`;
  const wrapperFile = join(folder, "wrapper.mjs");
  writeFileSync(wrapperFile, wrapper);
  const all = [...before, ...(command ? [process.execPath] : []), wrapperFile, ...args];
  return spawn(command ?? process.execPath, all, {
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, npm_lifecycle_event: "test" },
  });
}

async function end(child) {
  let output = "";
  child.stdout.on("data", (text) => (output += String(text)));
  const [code, signal] = await once(child, "close");
  return { code, signal, output };
}

describe("runProgram", () => {
  it("passes arguments, uses Node 24 or newer with the condition `source`, and gives the exit code back", async () => {
    const program = `
      console.log(JSON.stringify({
        args: process.argv.slice(2),
        major: Number.parseInt(process.versions.node, 10),
        conditions: process.execArgv,
        path: process.env.PATH.split(":")[0],
      }));
      process.exit(3);`;
    const { code, output } = await end(start(program, ["--json", "a b"]));
    expect(code).toBe(3);
    expect(JSON.parse(output)).toMatchObject({
      args: ["--json", "a b"],
      conditions: ["--conditions=source"],
      path: expect.stringMatching(/node_modules\/\.bin$/),
    });
    expect(JSON.parse(output).major).toBeGreaterThanOrEqual(24);
  });

  it.each(["SIGTERM", "SIGINT"])(
    "passes %s on, once, and waits for the program to end by itself",
    async (signal) => {
      const program = `
      let seen = 0;
      process.on("${signal}", () => {
        seen += 1;
        setTimeout(() => { console.log("signals:", seen); process.exit(0); }, 200);
      });
      setInterval(() => {}, 1000);
      console.log("ready");`;
      const child = start(program);
      const ended = end(child);
      await once(child.stdout, "data");
      child.kill(signal);
      expect(await ended).toEqual({ code: 0, signal: null, output: "ready\nsignals: 1\n" });
    },
  );

  it("ends the program when npm was killed and could not pass anything on", async () => {
    const program = `
      process.on("SIGTERM", () => { console.log("ended"); process.exit(0); });
      setInterval(() => {}, 1000);
      console.log("ready");`;
    const npm = start(program, [], ["/bin/sh", "-c", '"$0" "$@" & wait']);
    const ended = end(npm);
    await once(npm.stdout, "data");
    npm.kill("SIGKILL");
    expect((await ended).output).toBe("ready\nended\n");
  });

  it("ends by the signal that ended the program", async () => {
    const { code, signal } = await end(start(`process.kill(process.pid, "SIGKILL");`));
    expect({ code, signal }).toEqual({ code: null, signal: "SIGKILL" });
  });
});

describe("callersFolder", () => {
  const checkout = resolve(root); // as process.cwd() gives it
  const asked = { npm_lifecycle_event: "millrace", INIT_CWD: tmpdir() };

  it("is where the caller of npm stands, for file names in the arguments", () => {
    expect(callersFolder(asked, checkout)).toBe(tmpdir());
  });

  it.each([
    ["npm did not start it", { INIT_CWD: tmpdir() }, checkout],
    ["it was started in a folder of its own", asked, "/"],
    ["the caller's folder is gone", { ...asked, INIT_CWD: join(tmpdir(), "no", "such") }, checkout],
  ])("is the working folder where %s", (_name, env, cwd) => {
    expect(callersFolder(env, cwd)).toBe(cwd);
  });
});
