import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import {
  addressesInLock,
  checkFiles,
  doubleCasts,
  hostsNamed,
  longFile,
  registryHost,
} from "./check-files.mjs";

const npmHost = ["registry", "npmjs", "org"].join(".");

describe("registry hosts", () => {
  it("are found in any text", () => {
    expect(hostsNamed("a.md", `see https://${npmHost}/x`)).toEqual([
      expect.stringContaining("a.md: names the registry"),
    ]);
    expect(hostsNamed("a.md", "a schema registry at http://localhost:8081")).toEqual([]);
  });

  it("of the machine's own configuration count, unless that is the machine itself", () => {
    expect(registryHost("https://packages.example.com/npm/")).toBe("packages.example.com");
    expect(registryHost("http://localhost:4873/")).toBeUndefined();
    expect(registryHost("http://127.0.0.1:4873/")).toBeUndefined();
    expect(registryHost("undefined")).toBeUndefined();
  });
});

describe("the lock file", () => {
  it("may link workspaces but carries no address", () => {
    const lock = {
      packages: {
        "node_modules/millrace": { resolved: "packages/millrace", link: true },
        "node_modules/a": { version: "1.0.0" },
        "node_modules/b": { resolved: "https://x.example/b.tgz" },
        "node_modules/c": { resolved: "git+ssh://git@x.example/c.git" },
      },
    };
    const sentences = addressesInLock("package-lock.json", JSON.stringify(lock));
    expect(sentences.map((sentence) => sentence.split(" ")[1])).toEqual([
      "node_modules/b",
      "node_modules/c",
    ]);
  });
});

describe("source files", () => {
  it("do not cast through unknown", () => {
    const text = `const a = 1;\nconst b = a as ${"unknown"} as string;\n`;
    expect(doubleCasts("src/a.ts", text)).toEqual([expect.stringContaining("src/a.ts:2: ")]);
    expect(doubleCasts("a.md", text)).toEqual([]);
  });

  it("are pointed out when they are long, and only pointed out", () => {
    const root = mkdtempSync(join(tmpdir(), "millrace-files-"));
    try {
      const file = "packages/millrace/src/model/long.ts";
      mkdirSync(join(root, dirname(file)), { recursive: true });
      writeFileSync(join(root, file), "\n".repeat(401));
      expect(checkFiles(root, [file, "deleted.ts"])).toEqual({
        errors: [],
        warnings: [expect.stringContaining(`${file}: 401 lines`)],
      });
    } finally {
      rmSync(root, { recursive: true });
    }
    expect(longFile("packages/millrace/src/model/x.test.ts", "\n".repeat(401))).toEqual([]);
    expect(longFile("packages/millrace/src/model/x.ts", "\n".repeat(400))).toEqual([]);
  });
});
