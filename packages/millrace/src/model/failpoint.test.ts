import { afterEach, describe, expect, it } from "vitest";
import { parseFailpoints, setFailpointPhase, type FailpointPhase } from "./failpoint.ts";

let phase: FailpointPhase = "START";
let done: string[] = [];

function handlerOf(text: string): (name: string) => void {
  return parseFailpoints(text, {
    kill: () => void done.push("killed"),
    exit: (code) => void done.push(`exited ${code}`),
    tell: (line) => void done.push(line),
  });
}

setFailpointPhase(() => phase);
afterEach(() => {
  phase = "START";
  done = [];
});

describe("a failpoint", () => {
  it("acts the Nth time that it is reached, once, and says where", () => {
    const reach = handlerOf("a.b=kill@2; c.d=exit");
    for (const name of ["a.b", "c.d", "a.b", "a.b"]) reach(name);
    expect(done).toEqual([
      "failpoint c.d START exit",
      "exited 1",
      "failpoint a.b START kill",
      "killed",
    ]);
  });

  it("counts only the times of its phase", () => {
    const reach = handlerOf("a.b=kill@2:HANDOVER");
    for (const next of ["HANDOVER", "SYNC", "INIT_SYNC", "HANDOVER"] as const) {
      phase = next;
      reach("a.b");
    }
    expect(done).toEqual(["failpoint a.b HANDOVER kill", "killed"]);
  });

  it("throws where it is to fail", () => {
    expect(() => handlerOf("a.b=error")("a.b")).toThrow("failpoint a.b");
  });

  it("tells every place and phase once", () => {
    const reach = handlerOf("*=tell");
    for (const next of ["START", "START", "SYNC"] as const) {
      phase = next;
      reach("a.b");
    }
    expect(done).toEqual(["failpoint a.b START", "failpoint a.b SYNC"]);
  });

  it("refuses what it cannot read, naming it", () => {
    for (const text of ["a.b", "a.b=kill@x", "a.b=kill:LATER", "*=kill"]) {
      expect(() => handlerOf(text)).toThrow(`cannot read "${text}"`);
    }
  });
});
