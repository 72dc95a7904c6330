import { describe, expect, it } from "vitest";
import type { PipelineFinding } from "../pipeline-finding.ts";
import { verdictText } from "./validate-command.ts";

const finding = (severity: PipelineFinding["severity"], what: string): PipelineFinding => ({
  about: "source",
  severity,
  what,
  whatFollows: "That.",
  remedy: "Do this",
});
const place = { file: "shop.yaml", line: 2, column: 1 };

describe("what is found about a file", () => {
  const verdict = {
    file: "shop.yaml",
    pipeline: "shop",
    problems: [],
    notices: [{ place, path: "pipeline.x", message: "has no effect" }],
  };

  it("stands in the order of its weight, whoever found it, and is counted by kind", () => {
    const findings = [
      finding("notice", "a"),
      finding("warning", "b"),
      finding("error", "c"),
      finding("warning", "d"),
    ];
    expect(verdictText({ ...verdict, valid: false, findings }).split("\n")).toEqual([
      "source: c. That. Do this.",
      "source: b. That. Do this. (warning)",
      "source: d. That. Do this. (warning)",
      "shop.yaml:2:1: pipeline.x: has no effect. (notice)",
      "source: a. That. Do this. (notice)",
      "shop.yaml: 1 problem, 2 warnings, 2 notices",
      "",
    ]);
  });

  it("ends with that it is valid, where it is, and that no server was asked, where none was", () => {
    const valid = { ...verdict, notices: [], valid: true };
    expect(verdictText({ ...valid, findings: [] })).toBe("shop.yaml: pipeline shop is valid\n");
    expect(verdictText(valid)).toBe(
      "shop.yaml: pipeline shop is valid; no server was asked: validate --connect does\n",
    );
  });
});
