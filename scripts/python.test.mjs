import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { findPython, packagesStand, pythonOf } from "./python.mjs";

let folder;
let program;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "millrace-python-"));
  program = join(folder, "python3");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** A `python3` that tells this version, and whether it has pip. */
function install(version, { pip = true } = {}) {
  const told = `echo ${program}; echo ${version}`;
  writeFileSync(program, `#!/bin/sh\n[ "$1" = -c ] && { ${told}; exit; }\nexit ${pip ? 0 : 1}\n`);
  chmodSync(program, 0o755);
}

/** A folder of packages that were brought for this Python. */
function packagesFor(python) {
  writeFileSync(join(folder, "millrace-python.json"), JSON.stringify(python));
  return folder;
}

describe("the machine's Python", () => {
  const find = () => findPython({ PATH: folder });

  it("is taken where it is new enough and has pip", () => {
    install("3.9");
    expect(find()).toEqual({ program, version: "3.9" });
  });

  it("is of no use where it is old, has no pip, does not run, or is not there", () => {
    expect(find).toThrow("python3 is missing");
    install("3.8");
    expect(find).toThrow("python3 is 3.8, and 3.9 is wanted");
    install("3.13", { pip: false });
    expect(find).toThrow("python3 has no pip");
    writeFileSync(program, "#!/bin/sh\nexit 1\n");
    expect(find).toThrow("python3 does not run");
  });
});

describe("packages that pip brought", () => {
  it("stand as long as the machine's Python keeps its version", () => {
    install("3.11");
    packagesFor({ program, version: "3.11" });
    expect(packagesStand(folder)).toBe(true);
    install("3.12");
    expect(packagesStand(folder)).toBe(false);
    rmSync(program);
    expect(packagesStand(folder)).toBe(false);
  });

  it("stand as long as the Python of ours is there that they were brought for", () => {
    const home = join(folder, "own");
    packagesFor({ home });
    expect(packagesStand(folder)).toBe(false);
    mkdirSync(join(home, "usr/bin"), { recursive: true });
    writeFileSync(join(home, "usr/bin/python3"), "");
    expect(packagesStand(folder)).toBe(true);
  });

  it("are run with the Python that they were brought for, whatever the PATH has", () => {
    packagesFor({ program: "/opt/one/python3", version: "3.11" });
    expect(pythonOf(folder)).toEqual({
      command: ["/opt/one/python3"],
      environment: { PYTHONPATH: folder },
    });
  });
});
